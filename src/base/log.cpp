#include "culvert/base/log.hpp"

#include "base/log_format.hpp"
#include "base/log_writer.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace culvert::log {

namespace {

const Target kLog("log");

constinit const std::atomic<bool> kNever{false};

std::atomic<Writer*> current{nullptr};
std::atomic<Format> current_format{Format::plain};

// Writers are never destroyed: a thread may still be in write() while the process ends.
struct Writers {
  std::mutex mutex;
  std::vector<std::unique_ptr<Writer>> all;  // guarded by mutex; only the last one may be running
};
Writers& writers() {
  static auto* const made = new Writers;
  return *made;
}

void append(std::string& line, Level level, const Target& target, std::string_view message,
            std::span<const Field> fields) {
  const Event event{WallClock::now(), level, target.name(), message, fields};
  if (current_format.load(std::memory_order_relaxed) == Format::json)
    append_json(line, event);
  else
    append_plain(line, event);
}

std::string lost_lines(std::uint64_t lost) {
  std::string line;
  const Field fields[] = {num("dropped", static_cast<std::int64_t>(lost))};
  if (kLog.enabled(Level::warn))
    append(line, Level::warn, kLog, "lines are missing here, the reader was too slow", fields);
  return line;
}

}  // namespace

void write(Level level, const Target& target, std::string_view message,
           std::span<const Field> fields) {
  if (!target.enabled(level)) return;
  thread_local std::string line;  // keeps its memory from line to line
  line.clear();
  append(line, level, target, message, fields);
  if (auto* writer = current.load(std::memory_order_acquire); writer != nullptr)
    writer->add(line);
  else
    write_all(2, line, kNever);
}

void start(Format format, int fd) {
  current_format.store(format, std::memory_order_relaxed);
  const std::lock_guard lock(writers().mutex);
  writers().all.push_back(std::make_unique<Writer>(fd, lost_lines));
  current.store(writers().all.back().get(), std::memory_order_release);
}

void stop(std::chrono::milliseconds most) {
  const std::lock_guard lock(writers().mutex);
  auto* const writer = current.exchange(nullptr, std::memory_order_acq_rel);
  if (writer != nullptr) writer->stop(most);
}

std::uint64_t dropped() {
  const std::lock_guard lock(writers().mutex);
  std::uint64_t count = 0;
  for (const auto& writer : writers().all) count += writer->dropped();
  return count;
}

}  // namespace culvert::log
