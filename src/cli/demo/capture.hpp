// A wiretap between the nodes: looks at every frame on one interface for as long as it lives.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace culvert::cli::demo {

// What was seen so far.
struct Sight {
  std::uint64_t frames = 0;
  std::uint64_t tunnel_bytes = 0;  // TCP payload to or from port 15008
  std::uint64_t tls_records = 0;   // segments of it that begin like a TLS record
  std::uint64_t readable = 0;      // frames in which the secret could be read
};

// Counts one Ethernet frame. `secret` must not be empty.
void look_at(Bytes frame, std::string_view secret, Sight& sight);

class Capture {
 public:
  // Listens on `interface` in the namespace behind `netns_fd` for frames that contain `secret`.
  static Result<std::unique_ptr<Capture>> start(int netns_fd, const std::string& interface,
                                                std::string secret);
  Capture(UniqueFd socket, std::string secret);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Everything that had arrived on the wire by now.
  Sight stop();

 private:
  void run();
  bool read_one();

  const UniqueFd socket_;
  const std::string secret_;
  Sight sight_;  // the thread's until it has been joined
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace culvert::cli::demo
