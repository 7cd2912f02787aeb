// Opens gRPC channels to one server and authorizes calls on them. The one place that knows how this
// project configures gRPC.
#pragma once

#include "control/server/endpoint.hpp"
#include "culvert/control/server.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace culvert::control {

// Constant after construction; any thread.
class Dialer {
 public:
  // Errc::invalid for an address or header that can never work.
  static Result<Dialer> make(ServerOptions options);

  // The PEM roots as they are now; empty for plaintext servers. Reads files.
  Result<std::string> roots() const;
  // A channel with a connection of its own (nothing is shared with earlier channels), trusting
  // `roots`. Connects at the first call. Limits: connect 5 s, messages of any size, a PING every
  // 30 s while a call is open with 10 s for its answer, at most 15 s between attempts.
  std::shared_ptr<grpc::Channel> dial(const std::string& roots) const;
  // Adds authorization (the token is read now), cluster id and configured headers.
  Result<void> authorize(grpc::ClientContext& context) const;
  // "host:port", for messages.
  std::string name() const { return endpoint_.host + ":" + std::to_string(endpoint_.port); }

 private:
  Dialer(Endpoint endpoint, ServerOptions options)
      : endpoint_(std::move(endpoint)), options_(std::move(options)) {}
  Endpoint endpoint_;
  ServerOptions options_;  // header names in lower case
};

}  // namespace culvert::control
