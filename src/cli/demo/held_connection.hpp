// A connection that stays open while the mesh changes around it.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <chrono>

namespace culvert::cli::demo {

class HeldConnection {
 public:
  // Connects from the namespace behind `netns_fd` to an HTTP server. Errors as the system says.
  static Result<HeldConnection> open(int netns_fd, const SocketAddress& to);

  // One request on it; whether it was answered well, within five seconds.
  bool ask();
  // Waits for the other side to end it; false when it is still open after `limit`.
  bool ended_within(std::chrono::milliseconds limit);

 private:
  explicit HeldConnection(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace culvert::cli::demo
