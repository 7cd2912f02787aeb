// The daemon's end of ZDS, for tests of the agent: scripted, blocking, honest about what it got.
#pragma once

#include "culvert/base/unique_fd.hpp"

#include "proto/zds.pb.h"

#include <optional>
#include <string>

namespace culvert::host::testing {

// One request as it arrived.
struct Received {
  istio::workload::zds::WorkloadRequest request;
  int descriptors = 0;
  UniqueFd netns;  // the first descriptor

  // "add uid", "del uid", "keep uid", "snapshot".
  std::string summary() const;
};

class FakeDaemon {
 public:
  // Connects; hello is sent at once unless `hello` is false.
  explicit FakeDaemon(const std::string& path, bool hello = true);
  int fd() const { return fd_.get(); }
  // Waits up to five seconds; empty at the end of the connection.
  std::optional<Received> receive();
  // Sends an ack, with `error` unless empty.
  void ack(const std::string& error = "");
  // Receives and acks one request; its summary, or "closed".
  std::string serve(const std::string& error = "");
  void send_raw(const std::string& packet);
  void close() { fd_.reset(); }
  // True when the other end closes within five seconds.
  bool closed_by_peer();

 private:
  UniqueFd fd_;
};

}  // namespace culvert::host::testing
