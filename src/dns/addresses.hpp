// Which addresses of a service a client is given.
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/dns/message.hpp"
#include "culvert/state/store.hpp"

#include <string_view>
#include <vector>

namespace culvert::dns {

// What is asked for.
struct AddressRequest {
  const state::Workload& client;
  bool ipv6 = false;      // the family
  std::size_t limit = 0;  // no more than so many
};

// Of a service with virtual addresses these, else the addresses of endpoints that balancing would
// choose, one each: only those of the client's network and the family asked for, each once, in
// random order. Where there are more than the limit, which ones is left to chance.
std::vector<IpAddress> addresses_of(const state::View& view, const state::Service& service,
                                    const AddressRequest& request, Random& random);

// The endpoint of a headless service that `label` names: a workload's name, or an address with '-'
// in place of '.' or ':'. In a service of more than 512 endpoints a name is only looked for among
// the pods of this cluster and the service's namespace.
struct NamedEndpoint {
  state::WorkloadPtr workload;       // null: none is called so
  std::vector<IpAddress> addresses;  // those that the name stands for, of either family
};
NamedEndpoint endpoint_named(const state::View& view, const state::Service& service,
                             std::string_view label, const state::Workload& client);

}  // namespace culvert::dns
