#include "control/server/trust.hpp"

#include "culvert/control/server.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace culvert::control {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
// Bundles are a few hundred kilobytes; a bound keeps a wrong path (a device) from eating memory.
constexpr std::size_t kMaxBundle = 8 * 1024 * 1024;

// Where distributions keep their bundle: Debian and Ubuntu, Fedora and RHEL, openSUSE, Alpine.
constexpr std::array kSystemBundles = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

Result<std::string> read_bundle(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return fail(Errc::io, fail_errno("trust root " + path + " cannot be opened", errno).detail);
  std::string pem;
  std::array<char, 16384> block;
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    pem.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (pem.size() > kMaxBundle) return fail(Errc::invalid, "trust root " + path + " is too large");
  }
  if (in.bad()) return fail(Errc::io, "trust root " + path + " cannot be read");
  if (pem.find(kBegin) == std::string::npos)
    return fail(Errc::invalid, "trust root " + path + " holds no certificate");
  return pem;
}

Result<std::string> read_system() {
  std::error_code ignored;
  if (const char* override_path = std::getenv("SSL_CERT_FILE")) return read_bundle(override_path);
  for (const char* path : kSystemBundles)
    if (std::filesystem::exists(path, ignored)) return read_bundle(path);
  return fail(Errc::not_found, "this machine has no trust store (package ca-certificates)");
}

}  // namespace

Result<std::string> read_roots(const std::string& root) {
  if (root == "SYSTEM") return read_system();
  if (root.find(kBegin) != std::string::npos) return root;
  std::error_code ignored;
  if (std::filesystem::exists(root, ignored)) return read_bundle(root);
  return fail(Errc::not_found, "trust root \"" + root +
                                   "\" is no existing file, not SYSTEM and no PEM certificate: "
                                   "mount or copy the control plane's root certificate there");
}

Result<void> check_root(const ServerOptions& server) {
  if (server.address.starts_with("http://")) return {};
  const auto roots = read_roots(server.root);
  if (!roots) return roots.error();
  return {};
}

}  // namespace culvert::control
