// Ends from outside what a coroutine waits for: drain and removal must not wait for a connect that
// nobody answers.
#pragma once

#include <functional>
#include <optional>

#include "culvert/base/result.hpp"

namespace culvert::net {

// One for a chain of waits of one coroutine (certificate, connect, handshake). Lives in the
// coroutine's frame or beside it; whoever may end it keeps a pointer for that long. Worker thread
// only.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // Ends the wait in progress with `reason`, and each later one when it begins. The first reason
  // counts. The coroutine resumes from the worker's queue, never inside.
  void cancel(Error reason);
  // Why; null while not cancelled. A coroutine asks between its waits.
  const Error* reason() const { return reason_ ? &*reason_ : nullptr; }

  // While this lives `end` is how the wait in progress is ended: called with the reason at most
  // once, and at once when it was cancelled before. One scope of a cancellation at a time.
  // `cancellation` may be null: then nobody ends it.
  class Scope {
   public:
    Scope(Cancellation* cancellation, std::function<void(const Error&)> end);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Cancellation* cancellation_;  // outlives the scope
  };

 private:
  std::optional<Error> reason_;
  std::function<void(const Error&)> end_;  // of the scope that is alive
};

}  // namespace culvert::net
