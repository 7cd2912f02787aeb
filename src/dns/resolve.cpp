#include "culvert/dns/resolve.hpp"

#include "dns/addresses.hpp"
#include "dns/candidates.hpp"
#include "dns/special.hpp"

namespace culvert::dns {

namespace {

// One query being resolved.
class Resolver {
 public:
  Resolver(const state::View& view, const state::Workload& client, const Query& query,
           Transport transport, const ResolveSettings& settings, Random& random)
      : view_(view),
        client_(client),
        query_(query),
        settings_(settings),
        random_(random),
        candidates_(client.namespace_.view(), settings.cluster_domain),
        // Over UDP one more than fit, so that the answer says that it is not whole.
        request_{client, query.type == kTypeAaaa,
                 addresses_that_fit(query, transport) + (transport == Transport::udp ? 1 : 0)} {}

  Resolution run() {
    Resolution result;
    candidates_.any(query_.name, [&](const Candidate& candidate) {
      return by_name(candidate, result) || by_endpoint(candidate, result) ||
             by_wildcard(candidate, result);
    });
    return result;
  }

 private:
  // The service of exactly this hostname, or null. Outside of Kubernetes' own domain one without
  // virtual address has nothing to answer: the pod's resolvers know more.
  state::ServicePtr service(std::string_view hostname) const {
    return candidates_.in_kubernetes(hostname)
               ? view_.find_service_by_hostname(hostname, client_.namespace_,
                                                settings_.preferred_namespace)
               : view_.find_addressed_service_by_hostname(hostname, client_.namespace_,
                                                          settings_.preferred_namespace);
  }

  bool by_name(const Candidate& candidate, Resolution& result) {
    state::ServicePtr found = service(candidate.name);
    if (found == nullptr) return false;
    fill(result, std::move(found), nullptr);
    name_owner(candidate, result.records);
    return true;
  }

  // "web-0.web.shop.svc.cluster.local": one endpoint of a headless service.
  bool by_endpoint(const Candidate& candidate, Resolution& result) {
    const auto dot = candidate.name.find('.');
    if (dot == std::string_view::npos) return false;
    const auto parent = candidate.name.substr(dot + 1);
    if (!candidates_.in_kubernetes(parent)) return false;
    state::ServicePtr headless = service(parent);
    if (headless == nullptr || !headless->vips.empty()) return false;
    const NamedEndpoint endpoint =
        endpoint_named(view_, *headless, candidate.name.substr(0, dot), client_);
    if (endpoint.workload == nullptr) return false;
    fill(result, std::move(headless), &endpoint);
    name_owner(candidate, result.records);
    return true;
  }

  // "*.b.c" and then "*.c" for "a.b.c". Such a match has no CNAME: the name asked for is its own.
  bool by_wildcard(const Candidate& candidate, Resolution& result) {
    auto dot = candidate.name.find('.');
    if (dot == std::string_view::npos) return false;
    wildcard_.assign(candidate.name);
    for (; dot != std::string::npos; dot = wildcard_.find('.', dot + 1)) {
      wildcard_[dot - 1] = '*';
      const auto pattern = std::string_view(wildcard_).substr(dot - 1);
      if (state::ServicePtr found = service(pattern); found != nullptr) {
        fill(result, std::move(found), nullptr);
        return true;
      }
    }
    return false;
  }

  // An alias that leads to nothing would only make clients ask on.
  static void name_owner(const Candidate& candidate, Records& records) {
    if (!records.addresses.empty()) records.owner = candidate.stripped;
  }

  bool family_allowed(const state::Service& found) const {
    const auto families = found.ip_families;
    if (!request_.ipv6) return families != state::IpFamilies::ipv6_only;
    return settings_.ipv6 && families != state::IpFamilies::ipv4_only;
  }

  // The addresses of the service, or of its one endpoint that was meant.
  void fill(Resolution& result, state::ServicePtr found, const NamedEndpoint* endpoint) {
    auto& list = result.records.addresses;
    if (!family_allowed(*found)) {
      result.outcome = Outcome::unsupported;
    } else if (endpoint != nullptr) {
      for (const IpAddress& ip : endpoint->addresses)
        if (ip.is_v6() == request_.ipv6) list.push_back(ip);
    } else {
      list = addresses_of(view_, *found, request_, random_);
    }
    if (result.outcome != Outcome::unsupported)
      result.outcome = list.empty() ? Outcome::no_records : Outcome::success;
    result.found = std::move(found);
  }

  const state::View& view_;
  const state::Workload& client_;
  const Query& query_;
  const ResolveSettings& settings_;
  Random& random_;
  Candidates candidates_;
  AddressRequest request_;
  std::string wildcard_;
};

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::success:
    case Outcome::special:
      return "success";
    case Outcome::no_records:
      return "no records";
    case Outcome::unsupported:
      return "service does not support this record type";
    case Outcome::forward:
      return "forwarded";
  }
  return "unknown";
}

Resolution resolve(const state::View& view, const state::Workload& client, const Query& query,
                   Transport transport, const ResolveSettings& settings, Random& random) {
  Resolution result;
  if (auto loopback = loopback_records(query)) {
    result.outcome = Outcome::special;
    result.records = std::move(*loopback);
    return result;
  }
  const bool address = query.type == kTypeA || query.type == kTypeAaaa;
  if (address && !query.name.empty())
    result = Resolver(view, client, query, transport, settings, random).run();
  if (result.outcome == Outcome::forward && never_exists(query)) {
    result.outcome = Outcome::special;
    result.records.rcode = Rcode::nx_domain;
  }
  return result;
}

}  // namespace culvert::dns
