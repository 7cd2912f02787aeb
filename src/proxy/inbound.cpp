// HBONE from peers (port 15008): the handshake as the pod's identity, then a tunnel whose CONNECT
// requests accept_stream() answers.
#include "culvert/hbone/secure.hpp"
#include "culvert/net/cancellation.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

namespace {

net::Async<Result<std::unique_ptr<hbone::Tunnel>>> open_tunnel(PodProxy& pod, UniqueFd client,
                                                               SocketAddress peer,
                                                               net::Cancellation& cancellation) {
  hbone::Context& context = pod.environment().tunnels;
  auto workload = pod.workload();
  if (!workload) workload = co_await pod.await_workload();
  if (!workload) co_return pod.why_no_workload();
  const Identity identity = workload->identity();
  const TimePoint deadline = context.worker.now() + context.settings.handshake_timeout;
  auto certificate = co_await hbone::certificate_of(context, identity, deadline, &cancellation);
  if (!certificate) co_return certificate.error();
  auto tls_context = context.contexts.server(identity, *certificate);
  if (!tls_context) co_return tls_context.error();
  auto handshake = tls::Handshake::server(**tls_context);
  if (!handshake) co_return handshake.error();
  auto local = net::local_address(client.get());
  if (!local) co_return local.error();
  net::Stream stream(context.worker, std::move(client));
  stream.set_deadline(deadline);
  const net::Cancellation::Scope scope(&cancellation,
                                       [&stream](const Error& e) { stream.cancel(e); });
  auto secured = co_await hbone::secure(context.worker, stream, **handshake);
  if (!secured) co_return secured.error();
  auto tunnel = std::make_unique<hbone::Tunnel>(context, h2::Role::server, stream.release(),
                                                std::move(*secured), pod);
  tunnel->local = *local;
  tunnel->remote = peer;
  if (auto started = tunnel->start(); !started) co_return started.error();
  co_return tunnel;
}

void log_overload(PodProxy& pod, const SocketAddress& peer, const SocketAddress& destination) {
  const auto left_out = pod.overload_log().admit(pod.worker().now());
  if (!left_out) return;
  std::string why = "too many TLS handshakes in progress for this pod";
  if (*left_out != 0) why += " (and " + std::to_string(*left_out) + " refusals before this one)";
  log_early_deny(metrics::Reporter::destination, peer, destination, why);
}

}  // namespace

net::Async<void> serve_hbone(PodProxy& pod, PodProxy::Attempt, UniqueFd client,
                             SocketAddress peer) {
  if (pod.stopped()) {
    net::reset_on_close(client.get());
    co_return;
  }
  OpenSocket socket = pod.count_socket(metrics::Reporter::destination);
  const auto local = net::local_address(client.get());
  const SocketAddress destination = local ? *local : SocketAddress{};
  Handshakes::Place place(pod.handshakes(), peer.ip);
  if (!place.held()) {
    log_overload(pod, peer, destination);
    net::reset_on_close(client.get());
    co_return;
  }
  auto tunnel = co_await open_tunnel(pod, std::move(client), peer, place.cancellation());
  if (!tunnel && place.displaced()) {
    log_overload(pod, peer, destination);
    co_return;
  }
  if (!tunnel) {
    log_early_deny(metrics::Reporter::destination, peer, destination, tunnel.error().detail);
    co_return;
  }
  pod.adopt(std::move(*tunnel), std::move(socket));
}

}  // namespace culvert::proxy
