// One value that arrives later, awaited by one coroutine of the same worker: the bridge between
// event-driven objects and the coroutines that compose them.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <optional>
#include <utility>

#include "culvert/net/worker.hpp"

namespace culvert::net {

// Set once, waited for once, in either order. The waiter resumes from the worker's queue, never
// inside set(). Worker thread only; must outlive the wait.
template <class T>
class OneShot {
 public:
  explicit OneShot(Worker& worker) : worker_(worker) {}
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  // The first value counts; later ones are dropped. Returns whether this was the first.
  bool set(T value) {
    if (is_set_) return false;
    is_set_ = true;
    value_.emplace(std::move(value));
    if (waiter_) std::exchange(waiter_, nullptr)->resume(*this);
    return true;
  }
  bool is_set() const { return is_set_; }

  // Suspends until set() was called; once.
  Async<T> wait() {
    auto initiate = [this](auto handler) {
      waiter_ = std::make_unique<Holder<decltype(handler)>>(std::move(handler));
      if (is_set_) std::exchange(waiter_, nullptr)->resume(*this);
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<Worker::Executor>, void(T)>(
        initiate, asio::use_awaitable_t<Worker::Executor>());
  }

 private:
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void resume(OneShot& shot) = 0;
  };
  template <class Handler>
  struct Holder final : Waiter {
    explicit Holder(Handler h) : handler(std::move(h)) {}
    void resume(OneShot& shot) override {
      asio::post(shot.worker_.executor(),
                 [h = std::move(handler), v = std::move(*shot.value_)]() mutable {
                   std::move(h)(std::move(v));
                 });
    }
    Handler handler;
  };

  Worker& worker_;
  bool is_set_ = false;
  std::optional<T> value_;
  std::unique_ptr<Waiter> waiter_;
};

// Suspends for `duration`.
Async<void> sleep_for(Worker& worker, Duration duration);

}  // namespace culvert::net
