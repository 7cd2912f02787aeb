#include "authority/files.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace culvert::authority {
namespace {

Error failed(std::string_view what, const std::filesystem::path& path, int error) {
  const auto text = std::string(what) + " " + path.string();
  if (error == ENOENT) return fail(Errc::not_found, text + ": no such file or directory");
  return fail_errno(text, error);
}

Result<void> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const auto count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> write_synced(const std::filesystem::path& path, mode_t mode,
                          std::string_view content) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return failed("create", path, errno);
  if (auto done = write_all(fd.get(), content, path); !done) return done;
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) return failed("create", path, errno);
  return {};
}

}  // namespace

Result<void> check_private(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return failed("look at", path, errno);
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Errc::invalid, path.string() + " is open to others than its owner: chmod 600 it");
  return {};
}

Result<void> create_file(const std::filesystem::path& path, mode_t mode, std::string_view content) {
  auto partial = path;
  partial += ".new";
  // Left over from a crash: no file of that name was ever complete.
  if (::unlink(partial.c_str()) != 0 && errno != ENOENT) return failed("remove", partial, errno);
  auto written = write_synced(partial, mode, content);
  // link() refuses an existing name, which rename() would replace.
  if (written && ::link(partial.c_str(), path.c_str()) != 0) {
    const int error = errno;
    written = error == EEXIST ? fail(Errc::invalid, path.string() + " exists; not overwritten")
                              : failed("create", path, error);
  }
  ::unlink(partial.c_str());
  if (!written) return written;
  const UniqueFd dir(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) return failed("sync", path.parent_path(), errno);
  return {};
}

}  // namespace culvert::authority
