// Accepts connections and hands them on.
#pragma once

#include <functional>
#include <string>

#include "culvert/base/address.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/socket.hpp"
#include "culvert/net/worker.hpp"

namespace culvert::net {

// One listening socket on one worker. Stops and closes when it dies, and resets who is connected
// and not accepted yet, unless close() came first. Worker thread only.
class Listener final : public Watch {
 public:
  // Called for each accepted connection with its canonical peer address.
  using OnAccept = std::function<void(UniqueFd, const SocketAddress& peer)>;

  // `fd` comes from listen_tcp(); `name` is for log lines ("outbound of shop/front").
  Listener(Worker& worker, UniqueFd fd, std::string name, OnAccept on_accept);
  ~Listener();

  // Begins accepting. Errors come from the readiness set.
  Result<void> start();
  // Accepts who is connected already, then closes the socket: new connections are refused, or go to
  // another process on the same port. Not from inside the callback.
  void close();

  void on_ready(std::uint32_t events) override;

 private:
  // Fair to others: at most so many a turn.
  static constexpr int kBatch = 64;
  enum class Accepted : std::uint8_t { one, none, failed };
  Accepted accept_one();
  void accept_some();
  void say_failed(int error_number);
  void discard();

  Worker& worker_;
  UniqueFd fd_;
  const std::string name_;
  const OnAccept on_accept_;
  Timer retry_;
};

}  // namespace culvert::net
