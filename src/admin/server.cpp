#include "culvert/admin/server.hpp"

#include "admin/endpoints.hpp"
#include "admin/http_server.hpp"
#include "admin/profiling.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <pthread.h>

#include <array>
#include <chrono>
#include <thread>
#include <utility>

namespace culvert::admin {

namespace asio = boost::asio;

namespace {

// How long stop() waits for requests under way.
constexpr auto kStopGrace = std::chrono::seconds(1);
constexpr auto kStopPoll = std::chrono::milliseconds(5);

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, Hooks hooks)
      : hooks_(std::move(hooks)),
        log_filter_(options.log_filter),
        profiling_(hooks_.profiles),
        admin_(io_, "admin", [this](const HttpRequest& r) { return answer(r); }),
        stats_(io_, "metrics", [this](const HttpRequest& r) { return answer_stats(r, hooks_); }),
        readiness_(io_, "readiness",
                   [this](const HttpRequest& r) { return answer_readiness(r, hooks_); }) {}
  ~Impl() { stop(); }

  Result<void> start(const ServerOptions& options) {
    if (auto r = readiness_.bind(false, options.ipv6, options.readiness_port); !r) return r;
    if (auto r = admin_.bind(true, options.ipv6, options.admin_port); !r) return r;
    if (auto r = stats_.bind(false, options.ipv6, options.stats_port); !r) return r;
    for (HttpServer* server : servers()) server->start();
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "admin");
      io_.run();
    });
    return {};
  }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      profiling_.end();  // whoever waits for a profile gets what there is of it
      for (HttpServer* server : servers()) server->drain();
      deadline_ = std::chrono::steady_clock::now() + kStopGrace;
      wait_for_sessions();
    });
    thread_.join();
  }

  std::uint16_t admin_port() const { return admin_.port(); }
  std::uint16_t stats_port() const { return stats_.port(); }
  std::uint16_t readiness_port() const { return readiness_.port(); }

 private:
  HttpReply answer(const HttpRequest& request) {
    if (request.path.starts_with(Profiling::kPrefix)) return profiling_.answer(request);
    return answer_admin(request, hooks_, log_filter_);
  }

  std::array<HttpServer*, 3> servers() { return {&admin_, &stats_, &readiness_}; }

  // The loop ends by itself with the last session; at the deadline it is ended.
  void wait_for_sessions() {
    std::size_t open = 0;
    for (const HttpServer* server : servers()) open += server->connections();
    if (open == 0 || std::chrono::steady_clock::now() >= deadline_) {
      io_.stop();
      return;
    }
    stop_timer_.expires_after(kStopPoll);
    stop_timer_.async_wait([this](boost::system::error_code) { wait_for_sessions(); });
  }

  const Hooks hooks_;
  const std::string log_filter_;
  Profiling profiling_;  // admin thread only
  // Declared before the servers, destroyed after them: coroutines that are still suspended die with
  // it, and their sockets are closed by then.
  asio::io_context io_{1};
  asio::steady_timer stop_timer_{io_};
  std::chrono::steady_clock::time_point deadline_{};  // admin thread only
  HttpServer admin_;
  HttpServer stats_;
  HttpServer readiness_;
  std::thread thread_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Hooks hooks) {
  auto impl = std::make_unique<Impl>(options, std::move(hooks));
  if (auto started = impl->start(options); !started) return started.error();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::stop() { impl_->stop(); }
std::uint16_t Server::admin_port() const { return impl_->admin_port(); }
std::uint16_t Server::stats_port() const { return impl_->stats_port(); }
std::uint16_t Server::readiness_port() const { return impl_->readiness_port(); }

}  // namespace culvert::admin
