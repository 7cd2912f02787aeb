// /debug/pprof/: profiles of this process for `go tool pprof`.
#pragma once

#include "admin/http.hpp"
#include "culvert/admin/server.hpp"

#include <memory>
#include <string_view>
#include <thread>

namespace culvert::admin {

// One thread uses it.
class Profiling {
 public:
  static constexpr std::string_view kPrefix = "/debug/pprof/";

  // `hooks` outlive it.
  explicit Profiling(const ProfileHooks& hooks) : hooks_(hooks) {}

  // Paths below kPrefix. Profiles are orders, since they cost CPU and tell of memory: for root and
  // the user that this process runs as.
  HttpReply answer(const HttpRequest& request);
  // A CPU profile that is being taken ends now, with what there is of it.
  void end() { thread_.request_stop(); }

 private:
  HttpReply answer_cpu(const HttpRequest& request);
  HttpReply answer_heap();
  HttpReply answer_switch(const HttpRequest& request);

  class Promise;

  const ProfileHooks& hooks_;
  std::shared_ptr<Promise> running_;  // of the last CPU profile
  std::jthread thread_;               // takes one CPU profile, then ends
};

}  // namespace culvert::admin
