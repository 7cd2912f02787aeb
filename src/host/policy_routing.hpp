// The routing half of the redirection: replies to connections that the daemon opened with a
// client's address carry mark 0x111, and must be delivered locally instead of leaving the pod.
// One rule (mark -> table 100) and one route (everything is local) for each family.
#pragma once

#include "culvert/base/result.hpp"

#include <memory>

struct nl_sock;

namespace culvert::host {

enum class Family { v4, v6 };

// Talks route netlink in the namespace of the thread that made it.
class PolicyRouting {
 public:
  // Errc::io or permission.
  static Result<PolicyRouting> open();

  // Each makes sure of one thing; the value says whether it was missing (add) or there (remove).
  // add_route: Errc::invalid when table 100 already has somebody else's default route and not ours.
  Result<bool> add_route(Family family) const;
  Result<bool> add_rule(Family family) const;
  Result<bool> remove_route(Family family) const;
  Result<bool> remove_rule(Family family) const;
  Result<bool> has_route(Family family) const;
  Result<bool> has_rule(Family family) const;

 private:
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  explicit PolicyRouting(nl_sock* socket) : socket_(socket) {}
  std::unique_ptr<nl_sock, Closer> socket_;
};

// Whether there is any IPv6 at all in the calling thread's namespace.
bool kernel_has_ipv6();
// Brings lo up in the calling thread's namespace. Errc::permission names the capability.
Result<void> bring_loopback_up();
// Whether lo has IPv6 in the calling thread's namespace.
bool loopback_has_ipv6();
// Errc::invalid, with the command that helps, when lo is down there.
Result<void> require_loopback_up();

}  // namespace culvert::host
