#include "culvert/app/options.hpp"
#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

namespace culvert::app {

namespace {

Result<std::optional<std::string>> read_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return fail_errno("open " + path, errno);
  }
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto n = ::read(file.get(), buffer.data(), buffer.size());
    if (n == 0) return std::optional<std::string>(std::move(text));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("read " + path, errno);
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

Environment system_environment() {
  Environment environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  environment.read_file = read_file;
  environment.cpus = std::max(1U, std::thread::hardware_concurrency());
  return environment;
}

}  // namespace culvert::app
