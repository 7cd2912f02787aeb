// Plaintext that was on its way to the pod (port 15006): authorized without an identity, then
// handed to the application.
#include "proxy/plain_connection.hpp"

namespace culvert::proxy {

net::Async<void> serve_plaintext(PodProxy& pod, PodProxy::Attempt, UniqueFd client,
                                 SocketAddress peer) {
  if (pod.stopped()) {
    net::reset_on_close(client.get());
    co_return;
  }
  OpenSocket socket = pod.count_socket(metrics::Reporter::destination);
  const auto deny = [&](const SocketAddress& destination, std::string_view why) {
    log_early_deny(metrics::Reporter::destination, peer, destination, why);
    net::reset_on_close(client.get());
  };
  const auto destination = net::original_destination(client.get());
  if (!destination) {
    deny({}, destination.error().detail);
    co_return;
  }
  if (pod.settings().inbound.internal_ports.contains(destination->port)) {
    deny(*destination, "attempted recursive call to ourselves");
    co_return;
  }
  auto workload = pod.workload();
  if (!workload) workload = co_await pod.await_workload();
  if (!workload) {
    deny(*destination, pod.why_no_workload().detail);
    co_return;
  }
  Facts facts;
  facts.reporter = metrics::Reporter::destination;
  facts.source = peer;
  facts.destination = *destination;
  facts.endpoint = *destination;
  facts.destination_workload = workload;
  {
    const auto view = pod.environment().store.view();
    facts.source_workload = view.find_by_address(pod.settings().network, peer.ip);
    facts.service = state::guess_service(view, *workload, {}, destination->port);
  }
  // Registered before it is authorized: a policy that changes in between finds it.
  auto* connection =
      new PlainConnection(pod, std::move(facts), std::move(socket), std::move(client));
  const state::ConnectionFacts asked{peer, std::nullopt, *destination};
  if (auto allowed = pod.authorize(*workload, asked); !allowed) {
    connection->fail(allowed.error());
    co_return;
  }
  co_await connection->run(*destination, pod.spoofed_source(peer, *destination));
}

}  // namespace culvert::proxy
