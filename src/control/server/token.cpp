#include "control/server/header.hpp"
#include "culvert/control/server.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace culvert::control {
namespace {

// Far above any real token (a Kubernetes token is about 1 KB); gRPC refuses metadata above 8 KiB
// by default, so anything longer is a wrong file.
constexpr std::size_t kMaxToken = 64 * 1024;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Result<std::string> checked(std::string_view raw, std::string_view where) {
  const auto token = trimmed(raw);
  if (token.empty()) return fail(Errc::invalid, std::string(where) + " is empty");
  if (!header_value_ok(token))
    return fail(Errc::invalid, std::string(where) + " holds bytes that no token has");
  return std::string(token);
}

}  // namespace

TokenSource TokenSource::file(std::string path) {
  TokenSource source;
  source.kind_ = Kind::file;
  source.text_ = std::move(path);
  return source;
}

TokenSource TokenSource::literal(std::string token) {
  TokenSource source;
  source.kind_ = Kind::literal;
  source.text_ = std::move(token);
  return source;
}

TokenSource TokenSource::from_setting(const std::string* value) {
  std::error_code ignored;
  const std::string path = value != nullptr ? *value : std::string(kDefaultPath);
  if (std::filesystem::exists(path, ignored)) return file(path);
  return value != nullptr ? literal(*value) : TokenSource();
}

Result<std::string> TokenSource::read() const {
  if (kind_ == Kind::none) return std::string();
  if (kind_ == Kind::literal) return checked(text_, "the token");
  const auto where = "token file " + text_;
  std::ifstream in(text_, std::ios::binary);
  if (!in) {
    return fail(Errc::io, fail_errno(where + " cannot be opened", errno).detail +
                              ": let the user that this program runs as read it");
  }
  std::string raw(kMaxToken, '\0');
  in.read(raw.data(), static_cast<std::streamsize>(raw.size()));
  if (in.bad() || (in.fail() && !in.eof())) return fail(Errc::io, where + " cannot be read");
  raw.resize(static_cast<std::size_t>(in.gcount()));
  if (raw.size() == kMaxToken) return fail(Errc::invalid, where + " is too long");
  return checked(raw, where);
}

}  // namespace culvert::control
