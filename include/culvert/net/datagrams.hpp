// Answers datagrams: what comes to one bound UDP socket, and what goes back from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "culvert/base/address.hpp"
#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/worker.hpp"

namespace culvert::net {

// Where a datagram came from, and what an answer to it has to look as if it came from.
struct ReturnPath {
  SocketAddress peer;
  std::optional<IpAddress> own;  // only where the socket is bound to every address

  friend bool operator==(const ReturnPath&, const ReturnPath&) = default;
};

class Datagrams;

// Who answers.
class DatagramOwner {
 public:
  // One datagram; `bytes` is good until this returns and lies in the worker's Scratch::input(). May
  // call socket.answer().
  virtual void on_datagram(Datagrams& socket, Bytes bytes, const ReturnPath& from) = 0;
  // Those of this turn have been handed over: what belongs together may be done together.
  virtual void on_datagrams_read() = 0;

 protected:
  ~DatagramOwner() = default;
};

// One bound UDP socket on one worker. It is read at the end of a turn, some datagrams at most, and
// all that is to be said goes out behind that, each with one system call for many. Worker thread
// only. Must not be destroyed inside on_datagram() or on_datagrams_read().
class Datagrams final : public Watch, private TurnEnd {
 public:
  // The longest datagram that is read, in bytes: a longer one is handed over cut off here.
  static constexpr std::size_t kLongest = 4096;
  // Fair to others: at most so many a turn, which is a fraction of a millisecond of work; many
  // enough for the system calls to be shared.
  static constexpr std::size_t kBatch = 16;

  // `fd` comes from bind_udp(); `owner` outlives this.
  Datagrams(Worker& worker, UniqueFd fd, DatagramOwner& owner);
  // What was answered is sent first.
  ~Datagrams();

  // Begins reading. Errors come from the readiness set.
  Result<void> start();
  // Says `datagram` to `to`, at the end of this turn at the latest, also after stop_receiving().
  // What the kernel does not take at once is dropped, as a network does.
  void answer(const ReturnPath& to, std::vector<std::uint8_t> datagram);
  // Hands over what has come, then nothing any more, and sends what was answered: later datagrams
  // are for others that are bound to the same address and port (SO_REUSEPORT), or are refused by
  // the kernel. Answers still go out from the same port. May read more than a turn's share.
  void stop_receiving();
  // How many answers were dropped.
  std::uint64_t dropped() const { return dropped_; }

  void on_ready(std::uint32_t events) override;

 private:
  struct Answer {
    ReturnPath to;
    std::vector<std::uint8_t> bytes;
  };
  void on_turn_end() override;
  bool read_batch();
  void flush();
  std::size_t send(std::size_t first);
  Result<void> leave_group();

  Worker& worker_;
  UniqueFd fd_;
  DatagramOwner& owner_;
  int family_ = 0;  // of the socket
  bool readable_ = false;
  bool receiving_ = true;
  bool reading_ = false;  // inside read_batch()
  std::vector<Answer> answers_;
  std::uint64_t dropped_ = 0;
};

}  // namespace culvert::net
