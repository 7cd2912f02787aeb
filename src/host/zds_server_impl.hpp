// What the agent tells daemons, and which of them: the cache of pods, the sessions in the order
// of their hello, and the retries.
// Lock order: mutex_ here, then a session's own. Sessions call back without their lock.
#pragma once

#include "culvert/base/time.hpp"
#include "culvert/host/zds_server.hpp"
#include "host/zds_session.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace culvert::host {

class ZdsServer::Impl {
 public:
  static Result<std::unique_ptr<Impl>> start(const ZdsServerOptions& options,
                                             std::vector<RestoredPod> pods);
  Impl(const ZdsServerOptions& options, UniqueFd listener, std::vector<RestoredPod> pods);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> add(const PodInfo& pod, UniqueFd netns);
  Result<void> del(const std::string& uid);
  std::vector<PodStatus> pods() const;
  std::size_t daemons() const;
  bool wait_for_daemon(std::chrono::milliseconds limit) const;

 private:
  struct Pod {
    PodInfo info;
    std::shared_ptr<const UniqueFd> netns;  // null: not found, daemons keep what they have
    std::uint64_t version = 0;              // answers to an older version are ignored
    std::uint64_t acked_by = 0;             // session id
    std::string error;
    std::chrono::milliseconds backoff{0};  // 0: nothing failed
    TimePoint retry_at{};
  };
  using Done = std::function<void(const Result<void>&)>;
  using SessionPtr = std::shared_ptr<ZdsSession>;

  // The accepting thread.
  void run();
  void accept_one();
  void retry_due(TimePoint now);
  int next_wait(TimePoint now) const;
  void reap();
  // The sessions' threads.
  void on_hello(ZdsSession& session);
  void on_end(ZdsSession& session);
  void tell_again(ZdsSession& session);
  void on_answer(const std::string& uid, std::uint64_t version, std::uint64_t session,
                 const Result<void>& answer);
  // With mutex_ held. False when there is no daemon.
  bool send_add(const Pod& pod, ZdsSession& session, Done also);
  static bool send_keep(const Pod& pod, ZdsSession& session);
  Pod& remember(const PodInfo& pod, UniqueFd netns);
  std::uint64_t newest() const { return ready_.empty() ? 0 : ready_.back()->id(); }
  SessionPtr find(const ZdsSession& session) const;
  void wake() const;
  void announce() const;

  // constant after construction
  const ZdsServerOptions options_;
  const UniqueFd listener_;
  const UniqueFd wake_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // All guarded by mutex_:
  std::map<std::string, Pod> pods_;   // by uid
  std::vector<SessionPtr> sessions_;  // every one that has not ended
  std::vector<SessionPtr> ready_;     // those that said hello, newest last
  std::vector<SessionPtr> ended_;     // for the accepting thread to join
  std::uint64_t last_session_ = 0;
  std::uint64_t last_version_ = 0;
  std::uint64_t synced_ = 0;  // newest session whose snapshot was acked
  bool stop_ = false;

  std::thread thread_;  // started when the rest exists
};

}  // namespace culvert::host
