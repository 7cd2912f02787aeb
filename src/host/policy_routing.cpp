#include "host/policy_routing.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "culvert/base/unique_fd.hpp"

namespace culvert::host {
namespace {

// What istio-cni uses.
constexpr std::uint32_t kTable = 100;
constexpr std::uint32_t kPriority = 32764;
constexpr std::uint32_t kMark = 0x111;
constexpr std::uint32_t kMask = 0xfff;

using RoutePtr = std::unique_ptr<rtnl_route, decltype(&rtnl_route_put)>;
using RulePtr = std::unique_ptr<rtnl_rule, decltype(&rtnl_rule_put)>;
using CachePtr = std::unique_ptr<nl_cache, decltype(&nl_cache_free)>;
using AddressPtr = std::unique_ptr<nl_addr, decltype(&nl_addr_put)>;

int native(Family family) { return family == Family::v4 ? AF_INET : AF_INET6; }

std::string name_of(Family family) { return family == Family::v4 ? "IPv4" : "IPv6"; }

Error netlink_error(const std::string& what, int code) {
  if (code == -NLE_PERM) return fail(Errc::permission, what + " needs CAP_NET_ADMIN: run as root");
  if (code == -NLE_OPNOTSUPP || code == -NLE_AF_NOSUPPORT || code == -NLE_PROTO_MISMATCH)
    return fail(Errc::unsupported, what +
                                       ": the kernel lacks policy routing "
                                       "(CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES)");
  return fail(Errc::io, what + ": " + nl_geterror(code));
}

RoutePtr make_route(Family family) {
  RoutePtr route(rtnl_route_alloc(), &rtnl_route_put);
  const AddressPtr everything(nl_addr_build(native(family), nullptr, 0), &nl_addr_put);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  if (!route || !everything || hop == nullptr) std::abort();  // out of memory
  rtnl_route_set_family(route.get(), static_cast<std::uint8_t>(native(family)));
  rtnl_route_set_dst(route.get(), everything.get());
  rtnl_route_set_table(route.get(), kTable);
  rtnl_route_set_type(route.get(), RTN_LOCAL);
  rtnl_route_set_scope(route.get(), family == Family::v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
  rtnl_route_set_protocol(route.get(), RTPROT_BOOT);
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(::if_nametoindex("lo")));
  rtnl_route_add_nexthop(route.get(), hop);  // owned by the route from here
  return route;
}

RulePtr make_rule(Family family) {
  RulePtr rule(rtnl_rule_alloc(), &rtnl_rule_put);
  if (!rule) std::abort();  // out of memory
  rtnl_rule_set_family(rule.get(), native(family));
  rtnl_rule_set_table(rule.get(), kTable);
  rtnl_rule_set_prio(rule.get(), kPriority);
  rtnl_rule_set_mark(rule.get(), kMark);
  rtnl_rule_set_mask(rule.get(), kMask);
  rtnl_rule_set_action(rule.get(), FR_ACT_TO_TBL);
  return rule;
}

bool is_default_in_table(rtnl_route* route) {
  if (rtnl_route_get_table(route) != kTable) return false;
  nl_addr* destination = rtnl_route_get_dst(route);
  return destination == nullptr || nl_addr_get_prefixlen(destination) == 0;
}

bool is_ours(rtnl_route* route) {
  if (rtnl_route_get_type(route) != RTN_LOCAL || rtnl_route_get_nnexthops(route) != 1) return false;
  const int index = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, 0));
  return index == static_cast<int>(::if_nametoindex("lo"));
}

// The library dumps the rules of every family, whatever it is asked for.
bool is_ours(rtnl_rule* rule, Family family) {
  return rtnl_rule_get_family(rule) == native(family) && rtnl_rule_get_prio(rule) == kPriority &&
         rtnl_rule_get_table(rule) == kTable && rtnl_rule_get_mark(rule) == kMark &&
         rtnl_rule_get_mask(rule) == kMask;
}

struct Defaults {
  bool ours = false;
  bool foreign = false;
};

// The default routes in table 100: several can be there, told apart by their metric.
Result<Defaults> find_defaults(nl_sock* socket, Family family) {
  nl_cache* raw = nullptr;
  const int code = rtnl_route_alloc_cache(socket, native(family), 0, &raw);
  if (code < 0) return netlink_error("read the " + name_of(family) + " routes", code);
  const CachePtr cache(raw, &nl_cache_free);
  Defaults found;
  for (nl_object* it = nl_cache_get_first(raw); it != nullptr; it = nl_cache_get_next(it)) {
    auto* route = reinterpret_cast<rtnl_route*>(it);
    if (is_default_in_table(route)) (is_ours(route) ? found.ours : found.foreign) = true;
  }
  return found;
}

}  // namespace

void PolicyRouting::Closer::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Result<PolicyRouting> PolicyRouting::open() {
  PolicyRouting routing(nl_socket_alloc());
  if (!routing.socket_) return fail(Errc::io, "no memory for a netlink socket");
  const int code = nl_connect(routing.socket_.get(), NETLINK_ROUTE);
  if (code < 0) return netlink_error("open route netlink", code);
  return routing;
}

Result<bool> PolicyRouting::has_route(Family family) const {
  const auto found = find_defaults(socket_.get(), family);
  if (!found) return found.error();
  return found->ours;
}

Result<bool> PolicyRouting::has_rule(Family family) const {
  nl_cache* raw = nullptr;
  const int code = rtnl_rule_alloc_cache(socket_.get(), native(family), &raw);
  if (code < 0) return netlink_error("read the " + name_of(family) + " routing rules", code);
  const CachePtr cache(raw, &nl_cache_free);
  for (nl_object* it = nl_cache_get_first(raw); it != nullptr; it = nl_cache_get_next(it))
    if (is_ours(reinterpret_cast<rtnl_rule*>(it), family)) return true;
  return false;
}

Result<bool> PolicyRouting::add_route(Family family) const {
  const auto found = find_defaults(socket_.get(), family);
  if (!found) return found.error();
  if (found->ours) return false;
  if (found->foreign)
    return fail(Errc::invalid, "routing table 100 has another " + name_of(family) +
                                   " default route, and redirection needs that table: move the "
                                   "route to another table");
  const int code = rtnl_route_add(socket_.get(), make_route(family).get(), NLM_F_EXCL);
  if (code < 0) return netlink_error("add the " + name_of(family) + " local route", code);
  return true;
}

Result<bool> PolicyRouting::add_rule(Family family) const {
  const auto there = has_rule(family);
  if (!there) return there.error();
  if (*there) return false;
  const int code = rtnl_rule_add(socket_.get(), make_rule(family).get(), NLM_F_EXCL);
  if (code < 0) return netlink_error("add the " + name_of(family) + " routing rule", code);
  return true;
}

Result<bool> PolicyRouting::remove_route(Family family) const {
  const auto there = has_route(family);
  if (!there) return there.error();
  if (!*there) return false;
  const int code = rtnl_route_delete(socket_.get(), make_route(family).get(), 0);
  if (code < 0 && code != -NLE_OBJ_NOTFOUND)
    return netlink_error("delete the " + name_of(family) + " local route", code);
  return true;
}

Result<bool> PolicyRouting::remove_rule(Family family) const {
  const auto there = has_rule(family);
  if (!there) return there.error();
  if (!*there) return false;
  const int code = rtnl_rule_delete(socket_.get(), make_rule(family).get(), 0);
  if (code < 0 && code != -NLE_OBJ_NOTFOUND)
    return netlink_error("delete the " + name_of(family) + " routing rule", code);
  return true;
}

namespace {

ifreq loopback() {
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  return request;
}

}  // namespace

Result<void> bring_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = loopback();
  request.ifr_flags = IFF_UP;
  if (socket && ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0) return {};
  if (errno == EPERM)
    return fail(Errc::permission, "changing a network namespace needs CAP_NET_ADMIN: run as root");
  return fail_errno("bring interface lo up", errno);
}

bool kernel_has_ipv6() {
  std::error_code error;
  return std::filesystem::exists("/proc/sys/net/ipv6", error);
}

bool loopback_has_ipv6() {
  std::ifstream file("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
  int disabled = 1;
  return (file >> disabled) && disabled == 0;
}

Result<void> require_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = loopback();
  if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0)
    return fail_errno("look at interface lo", errno);
  if ((request.ifr_flags & IFF_UP) != 0) return {};
  return fail(Errc::invalid,
              "interface lo is down in this namespace, and redirected connections go through it: "
              "bring it up (ip -n NAME link set lo up)");
}

}  // namespace culvert::host
