#include "culvert/net/readiness.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace culvert::net {

namespace {
constexpr std::uint32_t kAll = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kReading = EPOLLIN | EPOLLET;
}  // namespace

Readiness::Readiness() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) {
    std::perror("culvert: epoll_create1");
    std::abort();
  }
}

Result<void> Readiness::add(int fd, Watch& watch) { return add(fd, watch, kAll); }

Result<void> Readiness::add_reader(int fd, Watch& watch) { return add(fd, watch, kReading); }

Result<void> Readiness::add(int fd, Watch& watch, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.ptr = &watch}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail_errno("epoll_ctl add", errno);
  }
  return {};
}

void Readiness::remove(int fd, Watch& watch) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // fails only if it was never added
  forget(watch);
}

void Readiness::forget(const Watch& watch) {
  for (std::size_t i = next_; i < count_; ++i) {
    if (batch_[i].data.ptr == &watch) batch_[i].data.ptr = nullptr;
  }
}

void Readiness::wait(int timeout_ms) {
  const int n = ::epoll_wait(epoll_.get(), batch_.data(), kBatch, timeout_ms);
  next_ = 0;
  count_ = n > 0 ? static_cast<std::size_t>(n) : 0;
}

void Readiness::dispatch() {
  while (next_ < count_) {
    const epoll_event event = batch_[next_++];
    if (event.data.ptr != nullptr) static_cast<Watch*>(event.data.ptr)->on_ready(event.events);
  }
  next_ = count_ = 0;
}

}  // namespace culvert::net
