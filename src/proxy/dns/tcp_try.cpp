#include "proxy/dns/tcp_try.hpp"

#include <array>

#include "culvert/net/stream.hpp"
#include "proxy/dns/flight.hpp"

namespace culvert::proxy {

namespace {

// RFC 1035 section 4.2.2: two bytes of length in front.
dns::Message framed(const dns::Message& message) {
  dns::Message out;
  out.reserve(message.size() + 2);
  out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(message.size()));
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

net::Async<Result<void>> read_exactly(net::Stream& stream, MutableBytes into) {
  while (!into.empty()) {
    auto n = co_await stream.read_some(into);
    if (!n) co_return n.error();
    if (*n == 0) co_return fail(Errc::closed, "the resolver ended the connection");
    into = into.subspan(*n);
  }
  co_return Result<void>();
}

}  // namespace

TcpTry::TcpTry(Flight& flight, const Departure& from, dns::Exchange::Ask ask, TimePoint deadline)
    : netns_(from.netns),
      socket_(from.socket),
      ask_(std::move(ask)),
      deadline_(deadline),
      flight_(&flight) {}

void TcpTry::abandon() {
  flight_ = nullptr;
  cancellation_.cancel(fail(Errc::cancelled, "nobody waits for the answer any more"));
}

net::Async<Result<dns::Message>> TcpTry::exchange(PodProxy& pod) {
  auto fd = co_await net::dial(pod.worker(), netns_, ask_.server, std::nullopt, socket_, deadline_,
                               &cancellation_);
  if (!fd) co_return fd.error();
  net::Stream stream(pod.worker(), std::move(*fd));
  stream.set_deadline(deadline_);
  const net::Cancellation::Scope scope(&cancellation_,
                                       [&stream](const Error& e) { stream.cancel(e); });
  const dns::Message query = framed(ask_.message);
  auto written = co_await stream.write_all(query);
  if (!written) co_return written.error();
  std::array<std::uint8_t, 2> length{};
  auto read = co_await read_exactly(stream, length);
  if (!read) co_return read.error();
  dns::Message answer(static_cast<std::size_t>(length[0] << 8 | length[1]));
  read = co_await read_exactly(stream, answer);
  if (!read) co_return read.error();
  co_return answer;
}

net::Async<void> TcpTry::run(PodProxy& pod, PodProxy::Attempt, std::shared_ptr<TcpTry> self) {
  auto answer = co_await self->exchange(pod);
  if (self->flight_ == nullptr) co_return;
  if (answer) {
    self->flight_->on_answer(self->ask_.attempt, *answer);
    // What answers something else than it was asked gives no second answer.
    if (self->flight_ != nullptr) self->flight_->on_failure(self->ask_.attempt);
  } else {
    self->flight_->on_failure(self->ask_.attempt);
  }
}

}  // namespace culvert::proxy
