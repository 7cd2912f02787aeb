#include "admin/profiling.hpp"

#include "admin/compression.hpp"
#include "admin/endpoints.hpp"
#include "admin/url.hpp"
#include "culvert/base/log.hpp"

#include <pthread.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace culvert::admin {

namespace {

const log::Target kLog("admin");

HttpReply plain(unsigned status, std::string body) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

HttpReply profile(std::string body) {
  HttpReply reply;
  reply.content_type = "application/octet-stream";
  reply.body = std::move(body);
  return reply;
}

using Query = std::map<std::string, std::string>;

// The number that `key` names, `otherwise` without one; nothing when it is outside of 1 to `most`.
std::optional<int> number_of(const Query& query, const char* key, int otherwise, int most) {
  const auto found = query.find(key);
  if (found == query.end()) return otherwise;
  const auto& text = found->second;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || number < 1 || number > most) return std::nullopt;
  return number;
}

}  // namespace

// A reply that another thread makes.
class Profiling::Promise {
 public:
  void set(HttpReply reply) {
    reply_ = std::make_shared<HttpReply>(std::move(reply));
    ready_.store(true, std::memory_order_release);
  }
  std::shared_ptr<HttpReply> get() const {
    return ready_.load(std::memory_order_acquire) ? reply_ : nullptr;
  }

 private:
  std::shared_ptr<HttpReply> reply_;  // written once, before ready_
  std::atomic<bool> ready_{false};
};

HttpReply Profiling::answer(const HttpRequest& request) {
  if (!may_order(request)) return forbidden();
  const auto name = std::string_view(request.path).substr(kPrefix.size());
  if (name == "profile") return answer_cpu(request);
  if (name == "heap") return answer_heap();
  if (name == "heap/profiling") return answer_switch(request);
  HttpReply unknown;
  unknown.status = 404;
  unknown.content_type.clear();
  return unknown;
}

HttpReply Profiling::answer_cpu(const HttpRequest& request) {
  const auto query = parse_query(request.query);
  const auto seconds = number_of(query, "seconds", 10, 300);
  if (!seconds) return plain(400, "invalid seconds value; expected 1-300\n");
  const auto frequency = number_of(query, "frequency", 100, 1000);
  if (!frequency) return plain(400, "invalid frequency value; expected 1-1000\n");
  if (running_ && !running_->get()) return plain(500, "a CPU profile is being taken already\n");
  log::info(kLog, "a CPU profile begins",
            {log::num("seconds", *seconds), log::num("frequency", *frequency)});
  auto promise = std::make_shared<Promise>();
  running_ = promise;
  thread_ = std::jthread(
      [this, promise, seconds = *seconds, frequency = *frequency](const std::stop_token& stop) {
        ::pthread_setname_np(::pthread_self(), "profile");
        auto taken = hooks_.record_cpu(std::chrono::seconds(seconds), frequency, stop);
        promise->set(taken ? profile(std::move(*taken)) : plain(500, taken.error().detail + "\n"));
      });
  HttpReply reply;
  reply.later = [promise] { return promise->get(); };
  return reply;
}

HttpReply Profiling::answer_heap() {
  if (!hooks_.heap_available()) return plain(500, "heap profiling is not enabled");
  if (!hooks_.heap_active()) {
    return plain(500,
                 "heap profiling not active; activate with "
                 "/debug/pprof/heap/profiling?activate=true");
  }
  const auto taken = hooks_.record_heap();
  if (!taken) return plain(500, taken.error().detail + "\n");
  auto file = gzip(*taken);
  if (!file) return plain(500, "the heap profile is too large\n");
  return profile(std::move(*file));
}

HttpReply Profiling::answer_switch(const HttpRequest& request) {
  if (!hooks_.heap_available()) return plain(500, "jemalloc profiling is not enabled");
  const auto query = parse_query(request.query);
  if (const auto found = query.find("activate"); found != query.end()) {
    const auto& value = found->second;
    if (value != "true" && value != "false") {
      return plain(400, "invalid activate value \"" + value + "\"; expected true or false\n");
    }
    if (const auto done = hooks_.activate_heap(value == "true"); !done)
      return plain(500, done.error().detail + "\n");
    log::info(kLog, value == "true" ? "heap profiling begins" : "heap profiling ends");
  }
  return plain(
      200, std::string("heap profiling active: ") + (hooks_.heap_active() ? "true\n" : "false\n"));
}

}  // namespace culvert::admin
