// The mesh from a local YAML file: read at start, watched afterwards. A file that becomes wrong,
// empty or unreadable changes nothing but the log.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "culvert/base/result.hpp"
#include "culvert/state/store.hpp"

namespace culvert::app {

// Control thread only, but for current().
class LocalFile {
 public:
  // `path` is a file, or empty and `text` is the document. `store` and `io` outlive it.
  LocalFile(boost::asio::io_context& io, state::Store& store, std::string path, std::string text);

  // Reads and applies it; the error names file, line and field.
  Result<void> load();
  // look() every second from now on. No-op for a document that is not a file.
  void watch();
  // Applies the file's text when it is another one than the last and the look before saw the very
  // same: a file that is written in place is empty, then too short, and both may be proper meshes
  // without policies. By content, so it works with renames and the symlink swaps of mounted
  // volumes.
  void look();
  // What is in force, for the config dump. Any thread.
  std::shared_ptr<const state::Update> current() const;

 private:
  Result<std::string> read() const;
  Result<void> apply(const std::string& text);
  void refuse(const Error& error);

  state::Store& store_;
  const std::string path_;
  std::string text_;                      // what was applied or refused last
  std::optional<std::string> unsettled_;  // another text, seen once
  mutable std::mutex mutex_;
  std::shared_ptr<const state::Update> current_;  // guarded by mutex_; never null
  std::string last_error_;  // of the looks since the last good one, to be logged once
  boost::asio::steady_timer timer_;
};

}  // namespace culvert::app
