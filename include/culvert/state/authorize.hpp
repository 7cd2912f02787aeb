// Layer-4 authorization of one connection to a local workload: a pure function of the state.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/identity.hpp"
#include "culvert/state/store.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace culvert::state {

// What policies look at.
struct ConnectionFacts {
  SocketAddress source;
  std::optional<Identity> identity;  // proven by mTLS; none for plaintext
  SocketAddress destination;         // the application's own address and port, not 15008
};

struct Verdict {
  enum class Basis : std::uint8_t {
    no_allow_policies,  // allowed: nothing restricts the workload
    allowed_by,         // allowed: `policy` matched
    denied_by,          // refused: `policy` matched
    none_allowed,       // refused: there are ALLOW policies and none matched
  };

  bool allowed = true;
  Basis basis = Basis::no_allow_policies;
  PolicyPtr policy;                // the one that decided, or null
  std::vector<PolicyPtr> dry_run;  // policies that are not enforced and matched
  // Policies that the workload lists and that are not known (yet). They are not enforced: warn.
  std::vector<Name> missing;

  // "explicitly denied by: ns/name", "allow policies exist, but none allowed", ...
  std::string reason() const;
};

// Evaluates the global policies, those of the destination's namespace and those that it lists. Live
// connections are checked again with the destination's current record, whose list may have changed.
Verdict authorize(const View& view, const Workload& destination, const ConnectionFacts& facts);

// Whether one policy matches a connection, whatever its action.
bool matches(const Policy& policy, const ConnectionFacts& facts);

}  // namespace culvert::state
