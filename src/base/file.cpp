#include "culvert/base/file.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace culvert {
namespace {

// A mesh of 100,000 workloads takes about 60 MiB.
constexpr std::size_t kMaxFile = std::size_t{256} << 20U;

bool same_version(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Result<std::string> read_to_end(int fd, const std::string& what) {
  std::string content;
  char chunk[64 * 1024];
  while (true) {
    const auto count = ::read(fd, chunk, sizeof chunk);
    if (count == 0) return content;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(what, errno);
    content.append(chunk, static_cast<std::size_t>(count));
    if (content.size() > kMaxFile) return fail(Errc::limit, what + ": larger than 256 MiB");
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const std::string what = "read " + path;
  // Non-blocking: opening a pipe must not wait for its writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) return fail(Errc::not_found, what + ": no such file or directory");
  if (!fd) return fail_errno(what, errno);
  struct stat before{};
  struct stat after{};
  if (::fstat(fd.get(), &before) != 0) return fail_errno(what, errno);
  if (!S_ISREG(before.st_mode)) return fail(Errc::invalid, what + ": is not a regular file");
  auto content = read_to_end(fd.get(), what);
  if (!content) return content;
  if (::fstat(fd.get(), &after) != 0) return fail_errno(what, errno);
  if (!same_version(before, after) || content->size() != static_cast<std::size_t>(after.st_size))
    return fail(Errc::unavailable, what + ": it is being written to");
  return content;
}

}  // namespace culvert
