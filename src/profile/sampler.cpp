// What happens in the handlers is safe where they interrupt: the unwinder finds its tables through
// _dl_find_object (glibc 2.35, gcc 12), which takes no lock, and allocates nothing. A frame that is
// described wrongly would make it read memory that is not there; that costs the rest of one stack,
// not the process (see on_fault). docs/decisions/0015-profiles.md.
#include "profile/sampler.hpp"

#include <ucontext.h>
#include <unwind.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <thread>

namespace culvert::profile {

namespace {

std::atomic<StackRing*> active_ring{nullptr};
std::atomic<int> handlers_running{0};
struct sigaction before_fault;  // written while no profile is taken

// Where to go when unwinding this thread faults; null while it does not unwind.
thread_local sigjmp_buf* volatile way_out = nullptr;

std::uintptr_t interrupted_at(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(machine.pc);
#else
#error "which register is the program counter?"
#endif
}

struct Walk {
  Stack& stack;
  std::uintptr_t start;  // frames before this one are the handler's own
  bool started = false;
};

_Unwind_Reason_Code on_frame(_Unwind_Context* context, void* data) {
  auto& walk = *static_cast<Walk*>(data);
  int exact = 0;  // an instruction, not where a call returns to
  const auto address = static_cast<std::uintptr_t>(_Unwind_GetIPInfo(context, &exact));
  if (address == 0) return _URC_END_OF_STACK;
  if (!walk.started) {
    walk.started = address == walk.start;
    return _URC_NO_REASON;  // the start is recorded already
  }
  if (walk.stack.depth == Stack::kDepth) return _URC_END_OF_STACK;
  walk.stack.frames[walk.stack.depth++] = exact != 0 ? address : address - 1;
  return _URC_NO_REASON;
}

void fill(Stack& stack, const siginfo_t& info, const void* context) {
  stack.frames[0] = interrupted_at(context);
  stack.depth = 1;
  // A timer that expired again before its signal was delivered says how often.
  stack.weight = 1 + static_cast<std::uint32_t>(info.si_code == SI_TIMER ? info.si_overrun : 0);
  stack.thread = info.si_value.sival_int;
  Walk walk{stack, stack.frames[0]};
  sigjmp_buf here;
  if (sigsetjmp(here, 1) == 0) {
    way_out = &here;
    _Unwind_Backtrace(on_frame, &walk);
  }
  way_out = nullptr;
}

void on_tick(int, siginfo_t* info, void* context) {
  const int error = errno;
  handlers_running.fetch_add(1);
  if (StackRing* ring = active_ring.load(); ring != nullptr) {
    if (Stack* stack = ring->claim(); stack != nullptr) {
      fill(*stack, *info, context);
      ring->publish(*stack);
    }
  }
  handlers_running.fetch_sub(1);
  errno = error;
}

void on_fault(int number, siginfo_t*, void*) {
  if (way_out != nullptr) siglongjmp(*way_out, 1);
  // Not ours: the faulting instruction runs again, under whatever handled it before.
  ::sigaction(number, &before_fault, nullptr);
}

struct sigaction action(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction made{};
  made.sa_sigaction = handler;
  made.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&made.sa_mask);
  return made;
}

_Unwind_Reason_Code ignore_frame(_Unwind_Context*, void*) { return _URC_NO_REASON; }

}  // namespace

Sampler::Sampler(StackRing& ring) {
  _Unwind_Backtrace(ignore_frame, nullptr);  // whatever it sets up at first use, it does here
  const auto tick = action(on_tick);
  const auto fault = action(on_fault);
  ::sigaction(SIGSEGV, &fault, &before_fault);
  ::sigaction(SIGPROF, &tick, nullptr);
  active_ring.store(&ring);
}

Sampler::~Sampler() {
  active_ring.store(nullptr);
  while (handlers_running.load() != 0) std::this_thread::yield();
  ::sigaction(SIGSEGV, &before_fault, nullptr);
}

}  // namespace culvert::profile
