// The state directory: the root key, its certificate, the generated token. What is here decides who
// the mesh trusts, so nothing is ever overwritten, and anything odd stops the start.
#pragma once

#include "authority/ca.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <filesystem>
#include <string_view>

namespace culvert::authority {

// Holds the directory's lock while it lives.
class StateDir {
 public:
  // Makes the directory (0700, parents 0755) when absent and locks it. Errc::invalid when it is no
  // directory or others than its owner may write to it, Errc::permission when it belongs to someone
  // else, Errc::limit when another control plane holds it.
  static Result<StateDir> open(const std::filesystem::path& path);

  // The root: read when there is one, else made for `trust_domain` (root-key.pem 0600,
  // root-cert.pem 0644). Errc::invalid when only one of the two files is there, when others may
  // read the key, and for what CertificateAuthority::open() refuses; each says what to do.
  Result<CertificateAuthority> root(std::string_view trust_domain, WallTime now) const;
  // The token file (0600, one random token of 256 bits without a line end), made when absent.
  Result<std::filesystem::path> token() const;

  std::filesystem::path key_path() const { return path_ / "root-key.pem"; }
  std::filesystem::path certificate_path() const { return path_ / "root-cert.pem"; }

 private:
  StateDir(std::filesystem::path path, UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  Result<void> make_root(std::string_view trust_domain, WallTime now) const;

  std::filesystem::path path_;
  UniqueFd lock_;
};

}  // namespace culvert::authority
