#include "culvert/hbone/secure.hpp"

#include <sys/socket.h>

namespace culvert::hbone {

namespace {

constexpr std::size_t kReadSize = 8192;

net::Async<void> next_burst(net::Worker& worker) {
  net::OneShot<bool> turn(worker);
  worker.burst([&turn] { turn.set(true); });
  co_await turn.wait();
}

// What the network did is not TLS's fault. Only its time-out gets another code: it must not look
// like that of the TCP connect, which callers take for a NetworkPolicy.
Error of_transport(const Error& error) {
  if (error.code == Errc::timed_out) return fail(Errc::unavailable, "TLS handshake timed out");
  return error.with("TLS handshake");
}

}  // namespace

net::Async<Result<Tunnel::Secured>> secure(net::Worker& worker, net::Stream& stream,
                                           tls::Handshake& handshake) {
  std::vector<std::uint8_t> input;
  std::vector<std::uint8_t> output;
  for (;;) {
    co_await next_burst(worker);
    std::size_t consumed = 0;
    auto status = handshake.step(input, consumed, output);
    input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(consumed));
    if (!status) {
      // The alert; whether it arrives is the peer's business.
      ::send(stream.fd(), output.data(), output.size(), MSG_NOSIGNAL);
      co_return Error(Errc::tls, "TLS handshake: " + status.error().detail);
    }
    if (!output.empty()) {
      auto written = co_await stream.write_all(output);
      if (!written) co_return of_transport(written.error());
      output.clear();
    }
    if (*status == tls::Handshake::Status::done) break;
    const std::size_t held = input.size();
    input.resize(held + kReadSize);
    auto n = co_await stream.read_some(MutableBytes(input).subspan(held));
    if (!n) co_return of_transport(n.error());
    if (*n == 0)
      co_return fail(Errc::closed, "the peer closed the connection during the TLS handshake");
    input.resize(held + *n);
  }
  auto channel = handshake.finish();
  if (!channel) co_return channel.error();
  Tunnel::Secured secured;
  secured.channel = std::move(*channel);
  secured.peer = handshake.peer();
  secured.early = std::move(input);
  co_return secured;
}

}  // namespace culvert::hbone
