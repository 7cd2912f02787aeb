// The ZDS state machine: which pods are served, starting or waiting for another try, and what the
// agent is owed. Packets and time come in, actions go out; no I/O.
//
// Why alone: the order of acknowledgements, the reconciliation at the snapshot and what survives a
// reconnect are easy to get wrong and hard to reproduce with a real agent.
//
// Invariants: every request is answered by exactly one Send, and at most one is unanswered (while
// owes_ack() the caller must not read on). A Stop is only given for a pod whose Start was given
// and not reported failed.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/time.hpp"
#include "culvert/control/zds.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace culvert::control {

// Which namespace a descriptor refers to.
struct NetnsId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const NetnsId&, const NetnsId&) = default;
};

// A received namespace: the descriptor and what it is.
struct ReceivedNetns {
  std::shared_ptr<UniqueFd> fd;
  NetnsId id;
};

class ZdsSession {
 public:
  struct Send {
    std::string packet;
  };
  struct Start {
    PodUid uid;
    WorkloadInfo info;
    std::shared_ptr<UniqueFd> netns;
    std::uint64_t token;  // hand back to on_started()
  };
  struct Stop {
    PodUid uid;
  };
  // Close the connection, after the Sends before it.
  struct Disconnect {
    std::string reason;
  };
  using Action = std::variant<Send, Start, Stop, Disconnect>;
  using Actions = std::vector<Action>;

  // How often something happened; they only grow.
  struct Totals {
    std::uint64_t started = 0;
    std::uint64_t stopped = 0;
    std::uint64_t nacked = 0;
    std::uint64_t malformed = 0;
  };

  // Between two tries of pods that could not be started.
  static constexpr Duration kRetry = std::chrono::seconds(5);
  // A start that takes longer is answered with an error and goes on: the agent gives up after 5 s
  // and would take a later answer for that of its next request.
  static constexpr Duration kAckLimit = std::chrono::seconds(4);

  // A connection is there: says hello.
  Actions on_connected();
  // It is gone: pods go on, readiness is lost.
  void on_disconnected();
  // One packet, with its descriptor if it had one.
  Actions on_packet(TimePoint now, Bytes packet, std::optional<ReceivedNetns> netns);
  // What was received cannot be a packet (cut off, too many descriptors).
  Actions on_bad_packet(const std::string& why);
  // The outcome of a Start. Outcomes of starts that were abandoned are ignored.
  Actions on_started(TimePoint now, std::uint64_t token, const Result<void>& outcome);
  Actions on_time(TimePoint now);
  std::optional<TimePoint> deadline() const;

  bool owes_ack() const { return owed_.has_value(); }
  bool connected() const { return connected_; }
  // Connected, snapshot complete, every pod up.
  bool ready() const { return connected_ && snapshot_ && pending() == 0; }
  std::size_t active() const { return pods_.size() - pending(); }
  std::size_t pending() const;
  std::vector<PodStatus> pods() const;
  const Totals& totals() const { return totals_; }

 private:
  enum class State : std::uint8_t { starting, up, failed };
  struct Pod {
    WorkloadInfo info;
    ReceivedNetns netns;
    State state = State::starting;
    std::uint64_t token = 0;  // of the latest start
    TimePoint retry{};        // when failed
  };
  struct Owed {
    PodUid uid;
    TimePoint limit;
  };

  Actions add(TimePoint now, PodUid uid, WorkloadInfo info, ReceivedNetns netns);
  Actions del(const PodUid& uid);
  Actions keep(const PodUid& uid);
  Actions snapshot();
  Actions protocol_error(const std::string& why);
  void begin_start(const PodUid& uid, Pod& pod, Actions& out);
  void remove(std::map<PodUid, Pod>::iterator pod, Actions& out);
  void ack(Actions& out);
  void nack(const std::string& why, Actions& out);

  std::map<PodUid, Pod> pods_;
  std::set<PodUid> mentioned_;  // since the connection began, until the snapshot
  std::optional<Owed> owed_;    // the start that the unanswered request waits for
  bool connected_ = false;
  bool snapshot_ = false;
  std::uint64_t last_token_ = 0;
  Totals totals_;
};

}  // namespace culvert::control
