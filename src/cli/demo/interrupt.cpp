#include "cli/demo/interrupt.hpp"

#include <signal.h>

#include <initializer_list>

namespace culvert::cli::demo {
namespace {

volatile sig_atomic_t g_interrupted = 0;

void note(int signal) {
  if (g_interrupted == 0) g_interrupted = signal;
}

void handle_with(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    struct sigaction before{};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

void watch_for_interrupts() { handle_with(note); }

void end_by_interrupts() { handle_with(SIG_DFL); }

int interrupted_by() { return g_interrupted; }

}  // namespace culvert::cli::demo
