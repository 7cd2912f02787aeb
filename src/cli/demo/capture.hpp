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
  std::uint64_t tunnel_bytes = 0;       // TCP payload to or from port 15008
  std::uint64_t tls_records = 0;        // segments of it that begin like a TLS record
  std::uint64_t readable_requests = 0;  // frames in which the request's secret could be read
  std::uint64_t readable_answers = 0;   // and the answer's
};

// What each direction carries and nobody on the wire may read. Neither empty nor part of the other.
struct Secrets {
  std::string request;
  std::string answer;
};

// Counts one Ethernet frame.
void look_at(Bytes frame, const Secrets& secrets, Sight& sight);

class Capture {
 public:
  // Listens on `interface` in the namespace behind `netns_fd` for frames that contain `secrets`.
  static Result<std::unique_ptr<Capture>> start(int netns_fd, const std::string& interface,
                                                Secrets secrets);
  Capture(UniqueFd socket, Secrets secrets);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Everything that had arrived on the wire by now.
  Sight stop();

 private:
  void run();
  bool read_one();

  const UniqueFd socket_;
  const Secrets secrets_;
  Sight sight_;  // the thread's until it has been joined
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace culvert::cli::demo
