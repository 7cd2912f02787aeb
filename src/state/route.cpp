#include "culvert/state/route.hpp"

#include "state/gateway.hpp"

#include <algorithm>
#include <utility>

namespace culvert::state {

namespace {

using Kind = OutboundDecision::Kind;

// One decision in the making: the steps in the order in which the mesh defines them.
class Router {
 public:
  Router(const View& view, const OutboundRequest& request, Random& random)
      : view_(view), request_(request), source_(*request.source), random_(random) {
    decision_.target = request.destination;
  }

  OutboundDecision decide() && {
    if (request_.destination.ip.is_loopback() &&
        request_.internal_ports->contains(request_.destination.port)) {
      return refuse(Reason::recursive_call);
    }
    const ServicePtr addressed = addressed_service();
    if (addressed != nullptr) {
      decision_.service = addressed;
      if (const GatewayAddress* waypoint = waypoint_of(*addressed, random_); waypoint != nullptr)
        return through_waypoint(*waypoint, Reason::waypoint_of_service);
    }
    return to_upstream(addressed != nullptr);
  }

 private:
  // The service that the address alone names: an address that is a workload, too, names that.
  ServicePtr addressed_service() const {
    const Name& network = view_.local().network;
    const IpAddress& ip = request_.destination.ip;
    if (view_.find_by_address(network, ip) != nullptr) return nullptr;
    return view_.find_service_by_vip(network, ip, source_.namespace_);
  }

  OutboundDecision to_upstream(bool addressed) {
    const SocketAddress& wanted = request_.destination;
    Upstream upstream;
    const ServicePtr service =
        view_.find_service_by_vip(source_.network, wanted.ip, source_.namespace_);
    if (service != nullptr) {
      decision_.service = service;
      if (service->mode() == LoadBalancing::Mode::passthrough)
        return pass_through(Reason::passthrough_service);
      upstream = balance(view_, source_, service, wanted, Purpose::destination, random_);
      if (upstream.workload == nullptr) return refuse(Reason::no_healthy_upstream);
    } else if (const auto workload = view_.find_by_address(source_.network, wanted.ip)) {
      upstream = straight_to(workload, wanted);
    } else if (addressed) {
      const bool passthrough = decision_.service->mode() == LoadBalancing::Mode::passthrough;
      return passthrough ? pass_through(Reason::passthrough_service)
                         : refuse(Reason::no_healthy_upstream);
    } else {
      return pass_through(Reason::unknown_destination);
    }
    if (upstream.workload->network != source_.network) return across(upstream);
    if (!addressed && needs_waypoint(*upstream.workload))
      return through_waypoint(*upstream.workload->waypoint, Reason::waypoint_of_workload);
    return direct(upstream);
  }

  // A waypoint's own traffic to its workloads does not go through it again.
  bool needs_waypoint(const Workload& workload) const {
    return workload.waypoint && !refers_to(view_, *workload.waypoint, source_);
  }

  OutboundDecision through_waypoint(const GatewayAddress& reference, Reason reason) {
    const SocketAddress& wanted = request_.destination;
    auto upstream = resolve_waypoint(view_, source_, reference, wanted.ip, random_);
    if (!upstream) return refuse(Reason::unknown_waypoint);
    if (upstream->workload == nullptr) return refuse(Reason::no_healthy_upstream);
    if (upstream->workload->network != source_.network) return across(*upstream);
    decision_.destination = upstream->workload;
    if (!upstream->ip && upstream->workload->hostname.empty())
      return refuse(Reason::no_usable_address);
    const SocketAddress dial{upstream->ip.value_or(IpAddress()), upstream->port};
    return known_or_resolved(tunnel(*upstream, dial, wanted, reason), *upstream);
  }

  OutboundDecision direct(const Upstream& upstream) {
    decision_.destination = upstream.workload;
    if (!upstream.ip && upstream.workload->hostname.empty())
      return refuse(Reason::no_usable_address);
    const SocketAddress target{upstream.ip.value_or(IpAddress()), upstream.port};
    decision_.target = target;
    if (upstream.workload->protocol == Protocol::hbone) {
      const SocketAddress dial{target.ip, request_.hbone_port};
      return known_or_resolved(tunnel(upstream, dial, target, Reason::direct), upstream);
    }
    decision_.kind = Kind::tcp;
    decision_.reason = Reason::direct;
    decision_.dial = target;
    return known_or_resolved(std::move(decision_), upstream);
  }

  // Without an address everything but that is decided already.
  static OutboundDecision known_or_resolved(OutboundDecision decision, const Upstream& upstream) {
    if (upstream.ip) return decision;
    decision.kind = Kind::resolve;
    decision.hostname = upstream.workload->hostname;
    return decision;
  }

  OutboundDecision tunnel(const Upstream& upstream, const SocketAddress& dial,
                          const SocketAddress& authority, Reason reason) {
    decision_.kind = Kind::hbone;
    decision_.reason = reason;
    decision_.dial = dial;
    decision_.authority = authority.to_string();
    if (upstream.service != nullptr) decision_.expected = upstream.service->accepted;
    const Identity identity = upstream.workload->identity();
    auto& expected = decision_.expected;
    if (std::find(expected.begin(), expected.end(), identity) == expected.end())
      expected.push_back(identity);
    return std::move(decision_);
  }

  OutboundDecision across(const Upstream& upstream) {
    decision_.destination = upstream.workload;
    const bool routable = upstream.workload->network_gateway && decision_.service != nullptr;
    return refuse(routable ? Reason::cross_network : Reason::no_routing_destination);
  }

  OutboundDecision pass_through(Reason reason) {
    decision_.kind = Kind::pass_through;
    decision_.reason = reason;
    decision_.dial = request_.destination;
    return std::move(decision_);
  }

  OutboundDecision refuse(Reason reason) {
    decision_.kind = Kind::refuse;
    decision_.reason = reason;
    return std::move(decision_);
  }

  const View& view_;
  const OutboundRequest& request_;
  const Workload& source_;
  Random& random_;
  OutboundDecision decision_;
};

}  // namespace

OutboundDecision with_address(OutboundDecision decision, const IpAddress& ip) {
  decision.kind = decision.authority.empty() ? Kind::tcp : Kind::hbone;
  decision.hostname = Name();
  decision.dial.ip = ip;
  if (decision.reason != Reason::direct) return decision;  // a waypoint's; the target is beyond it
  decision.target.ip = ip;
  if (decision.kind == Kind::hbone) decision.authority = decision.target.to_string();
  return decision;
}

OutboundDecision decide_outbound(const View& view, const OutboundRequest& request, Random& random) {
  return Router(view, request, random).decide();
}

}  // namespace culvert::state
