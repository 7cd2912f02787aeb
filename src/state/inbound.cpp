#include "culvert/state/inbound.hpp"

#include "state/balance.hpp"
#include "state/gateway.hpp"

#include <algorithm>

namespace culvert::state {

namespace {

InboundRefusal bad_request(std::string reason) { return {400, Errc::protocol, std::move(reason)}; }
InboundRefusal unavailable(std::string reason) {
  return {503, Errc::unavailable, std::move(reason)};
}

bool is_waypoint_of(const View& view, const Workload& local, const Service& service) {
  if (service.waypoint && refers_to(view, *service.waypoint, local)) return true;
  const auto& weighted = service.weighted_waypoints;
  return std::any_of(weighted.begin(), weighted.end(), [&](const WeightedWaypoint& w) {
    return refers_to(view, w.destination, local);
  });
}

// Whether the pod may get traffic for an address that is not its own: as its waypoint.
bool is_waypoint_of(const View& view, const Workload& local, const IpAddress& ip) {
  const Name& network = view.local().network;
  if (const auto workload = view.find_by_address(network, ip); workload != nullptr)
    return workload->waypoint && refers_to(view, *workload->waypoint, local);
  const auto service = view.find_service_by_vip(network, ip, {});
  return service != nullptr && is_waypoint_of(view, local, *service);
}

// The service of that hostname that the pod may serve: one that it belongs to before any other, its
// own namespace's first.
ServicePtr service_named(const View& view, const Workload& local, std::string_view hostname) {
  ServicePtr member;
  for (const Membership& membership : local.services) {
    if (membership.service.hostname != hostname) continue;
    ServicePtr service = view.find_service(membership.service);
    if (service == nullptr) continue;
    if (service->namespace_ == local.namespace_) return service;
    if (member == nullptr) member = std::move(service);
  }
  if (member != nullptr) return member;
  return view.find_service_by_hostname(normal_hostname(hostname), local.namespace_);
}

// A virtual address to name the service by in a PROXY header: own network first, IPv4 first there.
const IpAddress* proxy_address(const View& view, const Service& service) {
  const auto score = [&](const NetworkAddress& vip) {
    if (vip.network != view.local().network) return 0;
    return vip.ip.is_v4() ? 2 : 1;
  };
  const auto best = std::max_element(
      service.vips.begin(), service.vips.end(),
      [&](const NetworkAddress& a, const NetworkAddress& b) { return score(a) < score(b); });
  return best == service.vips.end() ? nullptr : &best->ip;
}

// One decision in the making, after the authority was parsed.
class Delivery {
 public:
  Delivery(const View& view, const Workload& local, const IpAddress& pod_ip,
           const Authority& authority, const InboundSettings& settings)
      : view_(view), local_(local), authority_(authority), settings_(settings) {
    target_.next_hop.ip = pod_ip;
  }

  InboundDecision decide() && {
    auto refusal = authority_.ip() != nullptr ? by_address(*authority_.ip()) : by_hostname();
    if (!refusal) refusal = through_application_tunnel();
    if (!refusal && settings_.internal_ports.contains(target_.next_hop.port))
      refusal = illegal(target_.next_hop.port);
    if (refusal) return *std::move(refusal);
    return std::move(target_);
  }

 private:
  using Refusal = std::optional<InboundRefusal>;

  static InboundRefusal illegal(std::uint16_t port) {
    return unavailable("port " + std::to_string(port) + " is one of the proxy's own");
  }

  Refusal by_address(const IpAddress& ip) {
    if (ip != target_.next_hop.ip && !local_.application_tunnel &&
        !is_waypoint_of(view_, local_, ip)) {
      return bad_request("ip mismatch: " + ip.to_string() +
                         " != " + target_.next_hop.ip.to_string());
    }
    if (settings_.internal_ports.contains(authority_.port)) return illegal(authority_.port);
    target_.next_hop.port = authority_.port;
    return std::nullopt;
  }

  Refusal by_hostname() {
    const std::string hostname(authority_.hostname());
    target_.service = service_named(view_, local_, hostname);
    if (target_.service == nullptr) return unavailable("no service with hostname " + hostname);
    const Service& service = *target_.service;
    const Membership* member = local_.membership(service.key());
    const auto& tunnel = local_.application_tunnel;
    if (member == nullptr && !tunnel && !is_waypoint_of(view_, local_, service))
      return bad_request("this pod is neither an endpoint nor a waypoint of " + hostname);
    auto port = mapped_port(service, member == nullptr ? nullptr : &member->ports, authority_.port);
    if (!port && tunnel && tunnel->port != 0) port = authority_.port;
    if (!port) {
      return unavailable("no target port for " + hostname + ":" + std::to_string(authority_.port));
    }
    if (settings_.internal_ports.contains(*port)) return illegal(*port);
    target_.next_hop.port = *port;
    return std::nullopt;
  }

  Refusal through_application_tunnel() {
    const auto& tunnel = local_.application_tunnel;
    if (!tunnel) return std::nullopt;
    if (tunnel->port != 0) target_.next_hop.port = tunnel->port;
    if (tunnel->protocol != ApplicationTunnel::Protocol::proxy) return std::nullopt;
    const IpAddress* address = authority_.ip();
    if (address == nullptr) address = proxy_address(view_, *target_.service);
    if (address == nullptr) return unavailable("the service has no address for a PROXY header");
    target_.proxy_destination = SocketAddress{*address, authority_.port};
    if (settings_.localhost_app_tunnel) {
      const bool v4 = target_.next_hop.ip.is_v4();
      target_.loopback = SocketAddress{v4 ? IpAddress::v4_loopback() : IpAddress::v6_loopback(),
                                       target_.next_hop.port};
    }
    return std::nullopt;
  }

  const View& view_;
  const Workload& local_;
  const Authority& authority_;
  const InboundSettings& settings_;
  InboundTarget target_;
};

}  // namespace

InboundDecision decide_inbound(const View& view, const Workload& local,
                               const IpAddress& connection_destination, std::string_view authority,
                               const InboundSettings& settings) {
  const auto parsed = Authority::parse(authority);
  if (!parsed) return bad_request(parsed.error().detail);
  return Delivery(view, local, connection_destination, *parsed, settings).decide();
}

ServicePtr guess_service(const View& view, const Workload& local, std::string_view forwarded_host,
                         std::uint16_t port) {
  ServicePtr by_port;
  for (const Membership& membership : local.services) {
    const bool named = !forwarded_host.empty() && membership.service.hostname == forwarded_host;
    if (!named && by_port != nullptr) continue;
    ServicePtr service = view.find_service(membership.service);
    if (service == nullptr) continue;
    if (named) return service;
    const auto targets = [&](const PortMap& ports) {
      return std::any_of(ports.begin(), ports.end(),
                         [&](const PortMap::Entry& e) { return e.second == port; });
    };
    if (targets(service->ports) || targets(membership.ports)) by_port = std::move(service);
  }
  return by_port;
}

}  // namespace culvert::state
