#include "authority/file_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace culvert::authority {
namespace {

// No IN_MODIFY: what is being written is not looked at before its writer has closed it.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int kLongestBurst = 10;  // debounce times
constexpr auto kRetry = std::chrono::seconds(1);

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

FileWatch::FileWatch(boost::asio::io_context& io, UniqueFd inotify, std::filesystem::path path,
                     std::chrono::milliseconds debounce, std::function<void()> on_change)
    : path_(std::move(path)),
      debounce_(debounce),
      on_change_(std::move(on_change)),
      events_(io, inotify.release()),
      timer_(io) {}

FileWatch::~FileWatch() = default;

Result<std::unique_ptr<FileWatch>> FileWatch::open(boost::asio::io_context& io,
                                                   std::filesystem::path path,
                                                   std::chrono::milliseconds debounce,
                                                   std::function<void()> on_change) {
  UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return fail_errno("watch " + path.string() + ": inotify", errno);
  std::unique_ptr<FileWatch> watch(
      new FileWatch(io, std::move(inotify), std::move(path), debounce, std::move(on_change)));
  if (auto armed = watch->arm(); !armed) return armed.error();
  watch->seen_ = watch->signature();
  watch->wait_for_events();
  return watch;
}

std::optional<FileWatch::Signature> FileWatch::signature() const {
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0) return std::nullopt;
  return Signature(info.st_dev, info.st_ino, info.st_size, info.st_ctim.tv_sec,
                   info.st_ctim.tv_nsec);
}

// Watches the directory of the name and that of the file which the name stands for now.
Result<void> FileWatch::arm() {
  std::set<std::filesystem::path> directories{directory_of(path_)};
  std::error_code error;
  const auto real = std::filesystem::canonical(path_, error);
  if (!error) directories.insert(directory_of(real));
  real_name_ = real.filename();
  std::map<int, std::filesystem::path> current;
  int failure = 0;
  for (const auto& directory : directories) {
    const int watch = ::inotify_add_watch(events_.native_handle(), directory.c_str(), kEvents);
    if (watch >= 0)
      current.emplace(watch, directory);
    else
      failure = errno;
  }
  for (const auto& [old, directory] : watches_)
    if (!current.contains(old)) ::inotify_rm_watch(events_.native_handle(), old);
  watches_ = std::move(current);
  if (failure == ENOENT)
    return fail(Errc::not_found, "watch " + path_.string() + ": no such directory");
  if (failure != 0) return fail_errno("watch " + path_.string(), failure);
  return {};
}

void FileWatch::wait_for_events() {
  events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
                       if (!error && !alive.expired()) on_readable();
                     });
}

void FileWatch::on_readable() {
  alignas(inotify_event) char buffer[16 * 1024];
  bool any = false;
  while (true) {
    const auto count = ::read(events_.native_handle(), buffer, sizeof buffer);
    if (count <= 0) break;
    for (const char* at = buffer; at < buffer + count;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      any = any || matters(event);
      at += sizeof event + event.len;
    }
  }
  if (any) begin_burst();
  wait_for_events();
}

// What happened to other files is no reason to look: somebody may be writing ours meanwhile. A new
// file is told when it is closed; a new link, ours or one on the way to it, leads to something
// whole. Events without a name are about a directory, or say that there were too many.
bool FileWatch::matters(const inotify_event& event) const {
  if (event.len == 0) return true;
  const auto directory = watches_.find(event.wd);
  if (directory == watches_.end()) return false;
  const std::filesystem::path name(event.name);
  std::error_code ignored;
  if (std::filesystem::is_symlink(directory->second / name, ignored)) return true;
  return (event.mask & IN_CREATE) == 0 && (name == path_.filename() || name == real_name_);
}

void FileWatch::begin_burst() {
  const auto now = std::chrono::steady_clock::now();
  if (!first_event_) first_event_ = now;
  const auto latest = *first_event_ + kLongestBurst * debounce_;
  restart_timer(std::clamp<std::chrono::steady_clock::duration>(
      latest - now, std::chrono::steady_clock::duration::zero(), debounce_));
}

void FileWatch::restart_timer(std::chrono::steady_clock::duration quiet) {
  timer_.expires_after(quiet);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) settled();
  });
}

void FileWatch::settled() {
  first_event_.reset();
  // The symlink may lead elsewhere now, or the directory may be a new one. While it is missing,
  // look again now and then: nothing would tell.
  if (!arm()) restart_timer(kRetry);
  auto now = signature();
  if (now == seen_) return;
  seen_ = now;
  on_change_();
}

}  // namespace culvert::authority
