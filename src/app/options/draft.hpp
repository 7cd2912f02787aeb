// The options while they are being read: what has not been decided yet stays optional, because its
// default depends on other settings.
#pragma once

#include "culvert/app/options.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace culvert::app {

// The part of Istio's ProxyConfig that matters here.
struct ProxyConfig {
  std::optional<std::string> discovery_address;
  std::optional<std::uint16_t> admin_port;
  std::optional<std::uint16_t> stats_port;
  std::optional<unsigned> concurrency;  // 0: all cores
  std::map<std::string, std::string> metadata;
};

struct Draft {
  Options options;
  ProxyConfig proxy_config;
  std::optional<std::string> meta_cluster_id;  // ISTIO_META_CLUSTER_ID beats CLUSTER_ID
  std::optional<std::string> xds_address;
  std::optional<std::string> ca_address;
  bool in_cluster = false;

  // Worker threads.
  std::optional<std::string> worker_threads;
  std::optional<unsigned> cpu_limit;             // whole cores
  std::optional<unsigned> resource_cpu_limit;    // whole cores, rounded up
  std::optional<unsigned> resource_cpu_request;  // likewise

  // Drain.
  std::optional<std::chrono::nanoseconds> termination_deadline;
  std::optional<std::uint64_t> grace_seconds;
};

}  // namespace culvert::app
