// One connection over which a pod asks (DNS over TCP, RFC 7766): many queries, answered as they
// are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "culvert/base/bytes.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/dns/message.hpp"
#include "culvert/net/readiness.hpp"
#include "culvert/net/timer.hpp"
#include "culvert/net/worker.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

class DnsSession;

class SessionOwner {
 public:
  // One query. True: there will be an answer, by DnsSession::answer(), perhaps before this returns.
  virtual bool on_query(DnsSession& session, Bytes query) = 0;
  // What came in has been handed over.
  virtual void on_queries_read() = 0;
  // It has ended: destroy it. The last thing it does.
  virtual void on_session_end(DnsSession& session) = 0;

 protected:
  ~SessionOwner() = default;
};

// Worker thread only. Reads, asks and writes at the end of a turn. Bounded: who does not read the
// answers is read no further, and who is silent or slow is cut.
class DnsSession final : public net::Watch, private net::TurnEnd {
 public:
  // Queries under way at a time, and handed over in a turn.
  static constexpr std::size_t kMostPending = 32;
  // A longer query ends the connection; no honest one is near.
  static constexpr std::size_t kLongest = 4096;
  // Without a whole query or a taken answer for so long it ends (behaviour of the reference).
  static constexpr Duration kIdle = std::chrono::seconds(5);

  // `number` tells it from every other one of its owner.
  DnsSession(SessionOwner& owner, PodProxy& pod, UniqueFd fd, std::uint64_t number);
  ~DnsSession();

  std::uint64_t number() const { return number_; }
  Result<void> start();
  // One of the queries has this answer.
  void answer(const dns::Message& message);
  // What has come is answered, then it ends.
  void drain();

  void on_ready(std::uint32_t events) override;

 private:
  void on_turn_end() override;
  bool has_query() const;
  std::size_t query_length() const;
  bool may_take() const;
  void read();
  void take_queries();
  bool write();
  void end(bool orderly);
  void on_idle();
  void rearm();

  SessionOwner& owner_;
  net::Worker& worker_;
  const PodProxy::Attempt alive_;
  UniqueFd fd_;
  const std::uint64_t number_;
  net::Timer idle_;
  std::vector<std::uint8_t> in_;   // begins with the length of a query
  std::vector<std::uint8_t> out_;  // what the socket has not taken
  std::size_t pending_ = 0;        // queries without an answer
  bool readable_ = false;
  bool heard_all_ = false;  // their end of the connection has ended, or we listen no longer
  bool broken_ = false;
};

}  // namespace culvert::proxy
