// Stacks on their way from signal handlers to whoever counts them. Handlers may interrupt anything,
// so nothing here locks, allocates or calls out.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace culvert::profile {

// One sample.
struct Stack {
  static constexpr std::size_t kDepth = 64;   // deeper ones lose their outermost frames
  std::array<std::uintptr_t, kDepth> frames;  // the innermost first
  std::uint32_t depth = 0;
  std::uint32_t weight = 0;        // sampling periods that it stands for
  std::int32_t thread = 0;         // kernel's id
  std::atomic<bool> ready{false};  // published and not read yet
};

// Many writers, one reader.
class StackRing {
 public:
  // Two cores at 1,000 samples a second fill it in two seconds; the reader comes ten times a
  // second.
  static constexpr std::size_t kSlots = 4096;

  StackRing() : slots_(kSlots) {}

  // A slot to fill, then to be given to publish(); null when the reader is too slow. From handlers.
  Stack* claim() {
    auto at = written_.load(std::memory_order_relaxed);
    do {
      // Signed: the reader may be ahead of what was loaded as `at`.
      const auto unread = static_cast<std::int64_t>(at - read_.load(std::memory_order_acquire));
      if (unread >= static_cast<std::int64_t>(kSlots)) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
      }
    } while (!written_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed));
    return &slots_[at % kSlots];
  }
  void publish(Stack& stack) { stack.ready.store(true, std::memory_order_release); }

  // Calls `visit(const Stack&)` for what is there.
  template <class Visit>
  void drain(Visit visit) {
    for (auto at = read_.load(std::memory_order_relaxed);; ++at) {
      Stack& stack = slots_[at % kSlots];
      if (!stack.ready.load(std::memory_order_acquire)) return;
      visit(stack);
      stack.ready.store(false, std::memory_order_relaxed);
      read_.store(at + 1, std::memory_order_release);
    }
  }
  // Samples that found no slot.
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  std::vector<Stack> slots_;
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace culvert::profile
