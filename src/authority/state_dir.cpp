#include "authority/state_dir.hpp"

#include "authority/files.hpp"
#include "culvert/base/file.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace culvert::authority {
namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

Result<void> make_directory(const std::filesystem::path& path) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return fail_errno("make " + path.parent_path().string(), error.value());
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno("make " + path.string(), errno);
  return {};
}

Result<void> check_directory(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return fail_errno("state directory " + path.string(), errno);
  const auto text = "state directory " + path.string();
  if (!S_ISDIR(info.st_mode)) return fail(Errc::invalid, text + " is not a directory");
  if (info.st_uid != ::geteuid()) return fail(Errc::permission, text + " belongs to another user");
  if ((info.st_mode & kOthersWrite) != 0)
    return fail(Errc::invalid, text + " is writable by others than its owner: chmod go-w it");
  return {};
}

// Whether something of that name is there, be it a dangling link.
Result<bool> is_there(const std::filesystem::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT) return false;
  return fail_errno(path.string(), errno);
}

Result<std::string> random_token() {
  std::array<unsigned char, 32> raw;
  if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1)
    return openssl_error(Errc::unavailable, "no random numbers for a token");
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : raw) {
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

}  // namespace

Result<StateDir> StateDir::open(const std::filesystem::path& given) {
  std::error_code error;
  const auto path = std::filesystem::absolute(given, error).lexically_normal();
  if (given.empty() || error) return fail(Errc::invalid, "no state directory given");
  if (auto made = make_directory(path); !made) return made.error();
  if (auto checked = check_directory(path); !checked) return checked.error();
  const auto lock_path = path / "lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail_errno("open " + lock_path.string(), errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock " + lock_path.string(), errno);
    return fail(Errc::limit,
                "state directory " + path.string() + " is in use by another control plane");
  }
  return StateDir(path, std::move(lock));
}

Result<CertificateAuthority> StateDir::root(std::string_view trust_domain, WallTime now) const {
  const auto has_key = is_there(key_path());
  if (!has_key) return has_key.error();
  const auto has_cert = is_there(certificate_path());
  if (!has_cert) return has_cert.error();
  if (*has_key != *has_cert) {
    const auto& there = *has_key ? key_path() : certificate_path();
    const auto& missing = *has_key ? certificate_path() : key_path();
    return fail(Errc::invalid, there.string() + " is there but " + missing.string() +
                                   " is not: restore it, or remove the one that is left to start "
                                   "with a new root that every node has to be told about");
  }
  if (!*has_key)
    if (auto made = make_root(trust_domain, now); !made) return made.error();
  if (auto checked = check_private(key_path()); !checked) return checked.error();
  auto key = read_file(key_path());
  if (!key) return key.error();
  auto cert = read_file(certificate_path());
  if (!cert) return cert.error();
  auto authority = CertificateAuthority::open({std::move(*key), std::move(*cert)}, now);
  if (!authority) return authority.error().with(key_path().string() + " and root-cert.pem");
  return authority;
}

Result<void> StateDir::make_root(std::string_view trust_domain, WallTime now) const {
  const auto root = CertificateAuthority::make_root(trust_domain, now);
  if (!root) return root.error();
  if (auto done = create_file(key_path(), 0600, root->key); !done) return done;
  return create_file(certificate_path(), 0644, root->cert);
}

Result<std::filesystem::path> StateDir::token() const {
  auto path = path_ / "token";
  const auto there = is_there(path);
  if (!there) return there.error();
  if (!*there) {
    const auto token = random_token();
    if (!token) return token.error();
    if (auto done = create_file(path, 0600, *token); !done) return done.error();
  }
  if (auto checked = check_private(path); !checked) return checked.error();
  return path;
}

}  // namespace culvert::authority
