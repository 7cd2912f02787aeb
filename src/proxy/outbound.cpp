// Connections that the pod opens (port 15001): where they want to go, what the mesh says to that,
// and the way there.
#include "proxy/outbound_tunnelled.hpp"
#include "proxy/plain_connection.hpp"

#include "culvert/state/route.hpp"
#include "proxy/dns/hostnames.hpp"

namespace culvert::proxy {

namespace {

using Kind = state::OutboundDecision::Kind;

state::OutboundDecision decide(PodProxy& pod, const state::WorkloadPtr& source,
                               const SocketAddress& destination) {
  const state::OutboundRequest request{source, destination, &pod.settings().inbound.internal_ports,
                                       pod.settings().inbound_port};
  return state::decide_outbound(pod.environment().store.view(), request, pod.worker().random());
}

Facts facts_of(const state::OutboundDecision& decision, const state::WorkloadPtr& source,
               const SocketAddress& client) {
  Facts facts;
  facts.reporter = metrics::Reporter::source;
  facts.source = client;
  facts.source_workload = source;
  facts.destination = decision.dial;
  facts.destination_workload = decision.destination;
  facts.service = decision.service;
  if (decision.kind != Kind::hbone) return facts;
  facts.mutual_tls = true;
  facts.set_authority(decision.authority);
  return facts;
}

// Looks up what the decision needs, if anything. Ends early when the pod goes away.
net::Async<Result<state::OutboundDecision>> resolved(PodProxy& pod, state::WorkloadPtr source,
                                                     IpAddress wanted,
                                                     state::OutboundDecision decision) {
  if (decision.kind != Kind::resolve) co_return decision;
  auto& environment = pod.environment();
  environment.dns.on_demand(source_labels(*source), decision.hostname.view());
  PodProxy::Stoppable stoppable(pod);
  const auto ip = co_await environment.hostnames.resolve(pod, decision.hostname, wanted,
                                                         stoppable.cancellation());
  if (!ip) co_return ip.error();
  co_return state::with_address(std::move(decision), *ip);
}

}  // namespace

net::Async<void> serve_outbound(PodProxy& pod, PodProxy::Attempt, UniqueFd client,
                                SocketAddress peer) {
  if (pod.stopped()) {
    net::reset_on_close(client.get());
    co_return;
  }
  OpenSocket socket = pod.count_socket(metrics::Reporter::source);
  const auto deny = [&](const SocketAddress& destination, std::string_view why) {
    log_early_deny(metrics::Reporter::source, peer, destination, why);
    net::reset_on_close(client.get());
  };
  const auto destination = net::original_destination(client.get());
  if (!destination) {
    deny({}, destination.error().detail);
    co_return;
  }
  // Not redirected, but aimed at our own listener: passing it on would come back here for ever.
  if (destination->port == pod.settings().outbound_port) {
    if (const auto own = net::local_address(client.get()); own && *own == *destination) {
      deny(*destination, "attempted recursive call to ourselves");
      co_return;
    }
  }
  auto source = pod.workload();
  if (!source) source = co_await pod.await_workload();
  if (!source) {
    deny(*destination, pod.why_no_workload().detail);
    co_return;
  }
  auto decided = decide(pod, source, *destination);
  if (decided.kind == Kind::refuse) {
    deny(*destination, decided.explain());
    co_return;
  }
  auto ready = co_await resolved(pod, source, destination->ip, std::move(decided));
  if (!ready) {
    deny(*destination, ready.error().detail);
    co_return;
  }
  auto& decision = *ready;
  Facts facts = facts_of(decision, source, peer);
  facts.endpoint = *destination;
  if (decision.kind == Kind::hbone) {
    auto* connection = new OutboundTunnelled(pod, std::move(facts), std::move(client));
    {
      const OpenSocket counted_by_the_connection = std::move(socket);
    }
    co_await connection->run(std::move(decision));
    co_return;
  }
  auto* connection =
      new PlainConnection(pod, std::move(facts), std::move(socket), std::move(client));
  co_await connection->run(decision.dial, std::nullopt);
}

}  // namespace culvert::proxy
