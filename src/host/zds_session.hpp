// One connected daemon: hello first, then requests one at a time, each waiting for its ack.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace culvert::host {

// A packet to send, the namespace that goes with it (or none), and what to call with the answer.
// `done` is called exactly once, on the session's thread, without locks held.
struct ZdsRequest {
  std::string packet;
  std::shared_ptr<const UniqueFd> netns;
  std::function<void(const Result<void>&)> done;
};

// Owns the connection and a thread. A daemon that breaks the protocol, answers too late (a late
// ack would be taken for the next one's) or goes away ends the session: everything queued is
// answered with Errc::unavailable.
class ZdsSession {
 public:
  struct Settings {
    std::uint64_t id = 0;  // for logs and for telling sessions apart
    std::chrono::milliseconds hello_timeout{0};
    std::chrono::milliseconds ack_timeout{0};
    // Called on the session's thread: once after a good hello, and once at the end.
    std::function<void(ZdsSession&)> on_hello;
    std::function<void(ZdsSession&)> on_end;
  };

  ZdsSession(UniqueFd socket, Settings settings);
  // Ends the session and waits for the thread.
  ~ZdsSession();
  ZdsSession(const ZdsSession&) = delete;
  ZdsSession& operator=(const ZdsSession&) = delete;

  std::uint64_t id() const { return settings_.id; }
  // Any thread. False (and `request` dropped, `done` not called) when the session is over.
  bool enqueue(ZdsRequest request);

 private:
  void run();
  // Why it ended.
  Error serve();
  Result<void> wait_for_work();
  Result<void> exchange(const ZdsRequest& request);
  void wake() const;

  // constant after construction
  const UniqueFd socket_;
  const UniqueFd wake_;
  const Settings settings_;

  std::mutex mutex_;
  std::deque<ZdsRequest> queue_;  // guarded by mutex_
  bool over_ = false;             // guarded by mutex_: nothing is queued any more
  bool stop_ = false;             // guarded by mutex_: the owner wants it to end
  std::thread thread_;            // last member: starts after the rest exists
};

}  // namespace culvert::host
