// Tells when a file's content may have changed. Watches directories, not the file: editors and
// `mv` replace the file, Kubernetes replaces a symlink beside it.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

struct inotify_event;

namespace culvert::authority {

// Lives on its io_context's thread, and calls back there.
class FileWatch {
 public:
  // `on_change` is called after `debounce` without events (at the latest after ten times that),
  // when the file that `path` resolves to is another one than at the last call, was written to and
  // closed by its writer, or vanished: never while somebody is at it. Changes from open() on are
  // seen. `io` must outlive the watch. Errc::io when there is
  // no inotify to be had, Errc::not_found when the directory is missing.
  static Result<std::unique_ptr<FileWatch>> open(boost::asio::io_context& io,
                                                 std::filesystem::path path,
                                                 std::chrono::milliseconds debounce,
                                                 std::function<void()> on_change);
  // No call back after this.
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  // Device, inode, size, time of last change: what tells two contents apart without reading.
  using Signature = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, long>;

  FileWatch(boost::asio::io_context& io, UniqueFd inotify, std::filesystem::path path,
            std::chrono::milliseconds debounce, std::function<void()> on_change);
  std::optional<Signature> signature() const;
  Result<void> arm();
  void wait_for_events();
  void on_readable();
  bool matters(const inotify_event& event) const;
  void begin_burst();
  void restart_timer(std::chrono::steady_clock::duration quiet);
  void settled();

  // Constant after construction.
  std::filesystem::path path_;
  std::chrono::milliseconds debounce_;
  std::function<void()> on_change_;
  // Loop thread only.
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer timer_;
  std::optional<std::chrono::steady_clock::time_point> first_event_;  // of the running burst
  std::map<int, std::filesystem::path> watches_;                      // directories
  std::filesystem::path real_name_;  // of the file that path_ stands for
  std::optional<Signature> seen_;
  std::shared_ptr<const bool> alive_ =
      std::make_shared<const bool>(true);  // handlers hold it weakly
};

}  // namespace culvert::authority
