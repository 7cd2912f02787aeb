// The rules inside a pod's namespace that bring its TCP traffic to the daemon's listeners: what
// istio-cni installs, through libnftables and route netlink. Everything lives in tables of our own
// names, one routing rule and one route per family; nothing else is touched.
#pragma once

#include "culvert/base/result.hpp"

#include <string>
#include <vector>

namespace culvert::host {

// What to redirect. The defaults are those of a Kubernetes pod without DNS capture.
struct RedirectOptions {
  bool ipv6 = true;      // its routes are left out where lo has IPv6 disabled, its rules are not
  bool dns = false;      // port 53 to 15053; needs a daemon with its DNS proxy on
  bool ingress = false;  // true: leave inbound traffic alone (ingress gateways)
  // Interfaces whose TCP is treated as outbound (a virtual machine's tap behind this namespace).
  std::vector<std::string> virtual_interfaces{};

  friend bool operator==(const RedirectOptions&, const RedirectOptions&) = default;
};

// What is found in a namespace.
struct RedirectState {
  bool mangle_table = false;
  bool nat_table = false;
  bool raw_table = false;  // only with DNS redirection
  bool rule_v4 = false;
  bool route_v4 = false;
  bool rule_v6 = false;
  bool route_v6 = false;

  bool anything() const {
    return mangle_table || nat_table || raw_table || rule_v4 || route_v4 || rule_v6 || route_v6;
  }
  friend bool operator==(const RedirectState&, const RedirectState&) = default;
};

// Installs the redirection in the namespace behind `netns_fd`; the caller's thread stays in its
// own. Idempotent: rules of ours that are there are replaced in one transaction. When a step
// fails, what this call added is taken away again. Errors are one sentence that says what to grant
// or load: Errc::permission, unsupported, invalid (lo is down, or somebody else's route is in the
// way), io.
Result<void> install_redirection(int netns_fd, const RedirectOptions& options);

// Takes all of it away; fine when nothing is there. Goes on behind a failing step, and reports the
// first failure.
Result<void> remove_redirection(int netns_fd);

// Whether this process and this kernel can do all of it: installs and removes it in a namespace
// made for that. Errors as above, and Errc::permission naming the capability that is missing.
Result<void> check_redirection();

// What is there now.
Result<RedirectState> inspect_redirection(int netns_fd);

// Whether all that install_redirection() would put there is there: tables, rules and routes, not
// the single lines of the tables; and none of DNS where that is not wanted.
Result<bool> redirection_in_place(int netns_fd, const RedirectOptions& options);

// The nftables commands that install_redirection() runs, as one transaction. For display and
// tests.
std::string redirection_ruleset(const RedirectOptions& options);

}  // namespace culvert::host
