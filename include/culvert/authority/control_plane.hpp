// The embedded control plane: delta xDS and a certificate authority over gRPC and TLS, fed by one
// watched YAML file. For hosts without Kubernetes; the daemon never links it.
// Threads: gRPC's own hand everything to one loop thread of this object, which owns the mesh
// state, the streams and the CA. What is public here may be called from any one thread.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace culvert::authority {

// What `culvertctl control` is told. Paths may be relative to the working directory.
struct Options {
  // The mesh: workloads, services, policies. Watched; replaced only by a version that parses.
  std::filesystem::path config;
  // Holds root-key.pem (0600), root-cert.pem (0644), token (0600, unless token_file is set) and a
  // lock. Made with mode 0700 when absent.
  std::filesystem::path state_dir;
  // Where to listen; port 0 lets the kernel choose. At least one.
  std::vector<SocketAddress> listen;
  // Lines `TOKEN` (may do everything) or `NODE:TOKEN` (may impersonate what runs on NODE). Empty:
  // a token is made in the state directory, which may do everything. Watched like `config`; never
  // taken when others than its owner may read it.
  std::filesystem::path token_file;
  // The only trust domain that certificates are issued for; workloads without one get it.
  std::string trust_domain = "cluster.local";
  // Extra names or IP addresses for the serving certificate.
  std::vector<std::string> dns_names;
  // The longest life of a workload's certificate. 1 s to 10 years.
  std::chrono::seconds max_ttl = std::chrono::hours(24);
  // Quiet time after the last change of a watched file before it is read again.
  std::chrono::milliseconds debounce{100};
};

// A running control plane. Serves from construction until stop() or destruction.
class ControlPlane {
 public:
  // Reads the configuration, opens or makes the root, binds and serves. Errors are start-up errors
  // for the operator: Errc::invalid (configuration; names file, line and field), permission or io
  // (state directory, addresses), limit (another control plane holds the state directory).
  static Result<std::unique_ptr<ControlPlane>> start(Options options);

  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  // Where it listens, with the ports that the kernel chose; in the order of Options::listen.
  const std::vector<SocketAddress>& addresses() const;
  // The root certificate that clients must trust (PEM).
  std::filesystem::path root_certificate() const;
  // The file that callers' tokens are read from.
  std::filesystem::path token_file() const;

  // Ends every stream with UNAVAILABLE, refuses new calls, joins all threads. About two seconds at
  // most, up to ten where a client does not read (gRPC 1.51); a second call does nothing.
  void stop();

 private:
  class Impl;
  explicit ControlPlane(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::authority
