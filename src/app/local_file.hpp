// The mesh from a local YAML file: read at start, watched afterwards. A file that becomes wrong
// changes nothing but the log.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <mutex>
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
  // Looks every second whether the file has changed, by content: works with renames and with the
  // symlink swaps of mounted volumes. No-op for a document that is not a file.
  void watch();
  // What is in force, for the config dump. Any thread.
  std::shared_ptr<const state::Update> current() const;

 private:
  Result<std::string> read() const;
  Result<void> apply(const std::string& text);
  void look();

  state::Store& store_;
  const std::string path_;
  std::string text_;
  mutable std::mutex mutex_;
  std::shared_ptr<const state::Update> current_;  // guarded by mutex_; never null
  std::string last_error_;
  boost::asio::steady_timer timer_;
};

}  // namespace culvert::app
