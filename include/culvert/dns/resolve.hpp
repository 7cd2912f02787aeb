// What the mesh answers to a pod's query: a pure function of the state, without messages or I/O.
// Behaviour: names are completed by the pod's own namespace as Kubernetes' search domains do it,
// services are found by hostname and wildcard, and what is no service is for the pod's resolvers.
#pragma once

#include "culvert/base/random.hpp"
#include "culvert/dns/message.hpp"
#include "culvert/state/store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::dns {

// Constant after start.
struct ResolveSettings {
  std::string cluster_domain = "cluster.local";  // CLUSTER_DOMAIN; lower case, no final dot
  Name preferred_namespace;                      // PREFERED_SERVICE_NAMESPACE; may be empty
  bool ipv6 = true;                              // IPV6_ENABLED
};

// Why an answer is as it is: for the query log.
enum class Outcome : std::uint8_t {
  success,      // records
  no_records,   // a service without address of this family in the client's network
  unsupported,  // the service does not have this family
  special,      // a name that never leaves the host: localhost, .invalid, .onion
  forward,      // nobody here knows it: ask the pod's resolvers
};
// The words of the query log: "success", "no records", ...
std::string_view to_string(Outcome outcome);

struct Resolution {
  Outcome outcome = Outcome::forward;
  Records records;          // all but forward; addresses shuffled
  state::ServicePtr found;  // the service that was hit, null for special and forward
};

// Decides for `client`, the pod that asks. No I/O, no clock. `random` shuffles, and chooses among
// the addresses where more exist than fit into an answer over `transport`. Interns nothing and
// costs the same in a large mesh as in a small one, but for a service of thousands of endpoints, of
// which as many are visited as fit. `view` is held meanwhile, so drop it right after.
Resolution resolve(const state::View& view, const state::Workload& client, const Query& query,
                   Transport transport, const ResolveSettings& settings, Random& random);

}  // namespace culvert::dns
