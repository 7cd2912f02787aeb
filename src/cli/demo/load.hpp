// Latency at a fixed rate, measured by Fortio where it is installed.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace culvert::cli::demo {

// Milliseconds, at the rate that was reached.
struct Latency {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double rate = 0;
};

// Fortio in PATH or ~/go/bin; nothing otherwise.
std::optional<std::string> find_fortio();

// 1,000 requests a second over 16 connections from inside a namespace, for `duration`. `scratch`
// is a directory for the result file.
Result<Latency> measure(const std::string& fortio, int netns_fd, const SocketAddress& to,
                        std::chrono::seconds duration, const std::string& scratch);

// From Fortio's JSON result. Split off for tests.
Result<Latency> parse_fortio(const std::string& json);

}  // namespace culvert::cli::demo
