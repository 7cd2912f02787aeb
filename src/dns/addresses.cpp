#include "dns/addresses.hpp"

#include <algorithm>
#include <numeric>

namespace culvert::dns {

namespace {

using state::Endpoint;
using state::EndpointSet;

// Up to here names of endpoints are searched for, one by one.
constexpr std::size_t kSearched = 512;

std::vector<IpAddress> virtual_addresses(const state::Service& service,
                                         const AddressRequest& request) {
  std::vector<IpAddress> list;
  for (const state::NetworkAddress& vip : service.vips) {
    if (vip.network != request.client.network || vip.ip.is_v6() != request.ipv6) continue;
    if (std::find(list.begin(), list.end(), vip.ip) == list.end()) list.push_back(vip.ip);
  }
  return list;
}

// An endpoint that balancing could choose, in the client's network.
bool usable(const EndpointSet& set, const Endpoint& endpoint, const state::Workload& client) {
  return set.weight(endpoint) != 0 && endpoint.workload->network == client.network;
}

const IpAddress* address_of_family(const state::Workload& workload, bool ipv6) {
  const auto& all = workload.addresses;
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const IpAddress& ip) { return ip.is_v6() == ipv6; });
  return at == all.end() ? nullptr : &*at;
}

// A step that visits each of `count` places once before it comes back to the first.
std::size_t random_stride(std::size_t count, Random& random) {
  for (;;) {
    const std::size_t stride = 1 + random.below(count);
    if (std::gcd(stride, count) == 1) return stride;
  }
}

// Walks over the endpoints from a random one in random steps until there are enough: nothing is
// copied of those that are not taken.
std::vector<IpAddress> endpoint_addresses(const EndpointSet& set, const AddressRequest& request,
                                          Random& random) {
  std::vector<IpAddress> list;
  const std::size_t count = set.size();
  if (count == 0 || set.total_weight() == 0) return list;
  list.reserve(std::min(count, request.limit));
  const std::size_t stride = count <= request.limit ? 1 : random_stride(count, random);
  std::size_t at = random.below(count);
  for (std::size_t i = 0; i < count && list.size() < request.limit; ++i) {
    const Endpoint& endpoint = set.all()[at];
    at = (at + stride) % count;
    if (!usable(set, endpoint, request.client)) continue;
    const IpAddress* ip = address_of_family(*endpoint.workload, request.ipv6);
    if (ip != nullptr) list.push_back(*ip);
  }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

void shuffle(std::vector<IpAddress>& list, Random& random) {
  for (std::size_t left = list.size(); left > 1; --left)
    std::swap(list[left - 1], list[random.below(left)]);
}

// "10-1-2-3" or "fd00--1", or nothing.
Result<IpAddress> dashed_address(std::string_view label) {
  std::string text(label);
  const bool v6 =
      text.find("--") != std::string::npos || std::count(text.begin(), text.end(), '-') > 3;
  std::replace(text.begin(), text.end(), '-', v6 ? ':' : '.');
  return IpAddress::parse(text);
}

const Endpoint* find_by_name(const state::View& view, const EndpointSet& set,
                             const state::Service& service, std::string_view name) {
  if (set.size() <= kSearched) {
    const auto& all = set.all();
    const auto at = std::find_if(all.begin(), all.end(), [&](const Endpoint& endpoint) {
      return endpoint.workload->name == name;
    });
    return at == all.end() ? nullptr : &*at;
  }
  std::string uid = view.local().cluster_id.str();
  uid += "//Pod/";
  uid += service.namespace_.view();
  uid += '/';
  uid += name;
  const Name known = Name::find(uid);
  return known.empty() ? nullptr : set.find(known);
}

const Endpoint* find_by_address(const state::View& view, const EndpointSet& set,
                                const state::Workload& client, const IpAddress& ip) {
  const state::WorkloadPtr workload = view.find_by_address(client.network, ip);
  return workload == nullptr ? nullptr : set.find(workload->uid);
}

}  // namespace

std::vector<IpAddress> addresses_of(const state::View& view, const state::Service& service,
                                    const AddressRequest& request, Random& random) {
  std::vector<IpAddress> list;
  if (!service.vips.empty()) {
    list = virtual_addresses(service, request);
  } else if (const EndpointSet* set = view.endpoints(service.key()); set != nullptr) {
    list = endpoint_addresses(*set, request, random);
  }
  shuffle(list, random);
  if (list.size() > request.limit) list.resize(request.limit);
  return list;
}

NamedEndpoint endpoint_named(const state::View& view, const state::Service& service,
                             std::string_view label, const state::Workload& client) {
  const EndpointSet* set = view.endpoints(service.key());
  if (set == nullptr) return {};
  const Endpoint* found = find_by_name(view, *set, service, label);
  if (found != nullptr && usable(*set, *found, client))
    return {found->workload, found->workload->addresses};
  const auto ip = dashed_address(label);
  if (!ip) return {};
  found = find_by_address(view, *set, client, *ip);
  if (found == nullptr || !usable(*set, *found, client)) return {};
  return {found->workload, {*ip}};
}

}  // namespace culvert::dns
