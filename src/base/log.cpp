#include "culvert/base/log.hpp"

#include "base/log_format.hpp"
#include "base/log_writer.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace culvert::log {

namespace {

const Target kLog("log");

constinit const std::atomic<bool> kNever{false};

// Where spdlog's logger hands its lines: to our queue instead of spdlog's own (decision 8). They
// arrive finished, so there is nothing to format, and any thread may bring one.
class WriterSink final : public spdlog::sinks::sink {
 public:
  WriterSink(int fd, Writer::Notice notice) : writer_(fd, std::move(notice)) {}

  void log(const spdlog::details::log_msg& line) override {
    writer_.add({line.payload.data(), line.payload.size()});
  }
  void flush() override {}  // the writer's thread does, by itself
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  Writer& writer() { return writer_; }

 private:
  Writer writer_;
};

// What start() makes.
struct Output {
  std::shared_ptr<WriterSink> sink;
  std::unique_ptr<spdlog::logger> logger;
};

std::atomic<spdlog::logger*> current{nullptr};
std::atomic<Format> current_format{Format::plain};

// Never destroyed: a thread may still be in write() while the process ends.
struct Outputs {
  std::mutex mutex;
  std::vector<Output> all;  // guarded by mutex; only the last one may be running
};
Outputs& outputs() {
  static auto* const made = new Outputs;
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
  if (auto* logger = current.load(std::memory_order_acquire); logger != nullptr)
    logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  else
    write_all(2, line, kNever);
}

void start(Format format, int fd) {
  Output output;
  output.sink = std::make_shared<WriterSink>(fd, lost_lines);
  output.logger = std::make_unique<spdlog::logger>("", output.sink);
  current_format.store(format, std::memory_order_relaxed);
  const std::lock_guard lock(outputs().mutex);
  outputs().all.push_back(std::move(output));
  current.store(outputs().all.back().logger.get(), std::memory_order_release);
}

void stop(std::chrono::milliseconds most) {
  const std::lock_guard lock(outputs().mutex);
  if (current.exchange(nullptr, std::memory_order_acq_rel) != nullptr)
    outputs().all.back().sink->writer().stop(most);
}

std::uint64_t dropped() {
  const std::lock_guard lock(outputs().mutex);
  std::uint64_t count = 0;
  for (const auto& output : outputs().all) count += output.sink->writer().dropped();
  return count;
}

}  // namespace culvert::log
