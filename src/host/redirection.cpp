#include "host/redirection.hpp"

#include "culvert/host/netns.hpp"
#include "host/nft.hpp"
#include "host/ruleset.hpp"

namespace culvert::host {
namespace {

Result<void> dropped(const Result<bool>& result) {
  if (!result) return result.error();
  return {};
}

Step route_step(const PolicyRouting& routing, Family family) {
  return {"add the local route", [&routing, family] { return routing.add_route(family); },
          [&routing, family] { return dropped(routing.remove_route(family)); }};
}

Step rule_step(const PolicyRouting& routing, Family family) {
  return {"add the routing rule", [&routing, family] { return routing.add_rule(family); },
          [&routing, family] { return dropped(routing.remove_rule(family)); }};
}

// A kernel without IPv6 has none of our IPv6 rules and routes.
Result<bool> unless_unsupported(const Result<bool>& result) {
  if (!result && result.error().code == Errc::unsupported) return false;
  return result;
}

// The two take away what an earlier installation with IPv6 left behind. lo may have lost its IPv6
// since: the rule survives that.
Step without_rule_step(const PolicyRouting& routing, Family family) {
  return {"take the routing rule away",
          [&routing, family] { return unless_unsupported(routing.remove_rule(family)); },
          [&routing, family] { return dropped(routing.add_rule(family)); }};
}

Step without_route_step(const PolicyRouting& routing, Family family) {
  return {"take the local route away",
          [&routing, family] { return unless_unsupported(routing.remove_route(family)); },
          [&routing, family] { return dropped(routing.add_route(family)); }};
}

// Last of the steps, and one transaction by itself: nothing to undo.
Step nft_step(const RedirectOptions& options) {
  return {"install the nftables rules",
          [options]() -> Result<bool> {
            const auto ran = run_nft(redirection_ruleset(options));
            if (!ran) return ran.error();
            return true;
          },
          nullptr};
}

Step loopback_step() {
  return {"check lo",
          []() -> Result<bool> {
            const auto up = require_loopback_up();
            if (!up) return up.error();
            return false;
          },
          nullptr};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

Result<void> inspect_tables(RedirectState& state) {
  const auto tables = run_nft("list tables inet");
  if (!tables) return tables.error();
  const auto present = [&](const char* name) {
    return has_line(*tables, std::string("table inet ") + name);
  };
  state.mangle_table = present(kMangleTable);
  state.nat_table = present(kNatTable);
  state.raw_table = present(kRawTable);
  return {};
}

Result<void> remove_tables() {
  RedirectState state;
  const auto inspected = inspect_tables(state);
  if (!inspected) return inspected.error();
  std::string commands;
  if (state.mangle_table) commands += delete_table(kMangleTable);
  if (state.nat_table) commands += delete_table(kNatTable);
  if (state.raw_table) commands += delete_table(kRawTable);
  if (commands.empty()) return {};
  const auto ran = run_nft(commands);
  if (!ran) return ran.error();
  return {};
}

}  // namespace

std::vector<Step> install_steps(const PolicyRouting& routing, const RedirectOptions& wanted) {
  RedirectOptions options = wanted;
  options.ipv6 = options.ipv6 && kernel_has_ipv6();
  // Routing first: without the rules it does nothing, while rules without it would break replies.
  std::vector<Step> steps{loopback_step(), route_step(routing, Family::v4),
                          rule_step(routing, Family::v4)};
  // The rules stay where only lo has no IPv6: without a listener to go to, traffic of the other
  // interfaces fails, where without the rules it would pass around the mesh.
  if (options.ipv6 && loopback_has_ipv6()) {
    steps.push_back(route_step(routing, Family::v6));
    steps.push_back(rule_step(routing, Family::v6));
  } else {
    steps.push_back(without_rule_step(routing, Family::v6));
    steps.push_back(without_route_step(routing, Family::v6));
  }
  steps.push_back(nft_step(options));
  return steps;
}

Result<void> remove_redirection_here() {
  Result<void> first = remove_tables();
  const auto note = [&first](const Result<bool>& result) {
    if (!result && first) first = result.error();
  };
  const auto routing = PolicyRouting::open();
  if (!routing) return first ? routing.error() : first;
  note(routing->remove_rule(Family::v4));
  note(routing->remove_route(Family::v4));
  note(unless_unsupported(routing->remove_rule(Family::v6)));
  note(unless_unsupported(routing->remove_route(Family::v6)));
  return first;
}

Result<RedirectState> inspect_redirection_here() {
  RedirectState state;
  const auto tables = inspect_tables(state);
  if (!tables) return tables.error();
  const auto routing = PolicyRouting::open();
  if (!routing) return routing.error();
  const auto read = [&](bool& flag, const Result<bool>& found) -> Result<void> {
    if (!found) return found.error();
    flag = *found;
    return {};
  };
  if (auto r = read(state.rule_v4, routing->has_rule(Family::v4)); !r) return r.error();
  if (auto r = read(state.route_v4, routing->has_route(Family::v4)); !r) return r.error();
  const auto rule_v6 = unless_unsupported(routing->has_rule(Family::v6));
  const auto route_v6 = unless_unsupported(routing->has_route(Family::v6));
  if (auto r = read(state.rule_v6, rule_v6); !r) return r.error();
  if (auto r = read(state.route_v6, route_v6); !r) return r.error();
  return state;
}

namespace {

// Names go into the text of the rules: only what the kernel allows and nftables cannot misread.
Result<void> check_interface_names(const std::vector<std::string>& names) {
  constexpr auto allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
  for (const auto& name : names)
    if (name.empty() || name.size() > 15 || name.find_first_not_of(allowed) != std::string::npos)
      return fail(Errc::invalid, "\"" + name + "\" is not the name of a network interface");
  return {};
}

}  // namespace

Result<void> install_redirection(int netns_fd, const RedirectOptions& options) {
  if (auto names = check_interface_names(options.virtual_interfaces); !names) return names;
  return run_in_netns(netns_fd, [&]() -> Result<void> {
    const auto routing = PolicyRouting::open();
    if (!routing) return routing.error();
    return run_steps(install_steps(*routing, options));
  });
}

Result<void> remove_redirection(int netns_fd) {
  return run_in_netns(netns_fd, [] { return remove_redirection_here(); });
}

Result<RedirectState> inspect_redirection(int netns_fd) {
  RedirectState state;
  const auto ran = run_in_netns(netns_fd, [&]() -> Result<void> {
    const auto found = inspect_redirection_here();
    if (!found) return found.error();
    state = *found;
    return {};
  });
  if (!ran) return ran.error();
  return state;
}

Result<bool> redirection_in_place(int netns_fd, const RedirectOptions& options) {
  bool complete = false;
  const auto ran = run_in_netns(netns_fd, [&]() -> Result<void> {
    const auto found = inspect_redirection_here();
    if (!found) return found.error();
    const bool six = !options.ipv6 || !loopback_has_ipv6() || (found->rule_v6 && found->route_v6);
    complete = found->mangle_table && found->nat_table && found->raw_table == options.dns &&
               found->rule_v4 && found->route_v4 && six;
    return {};
  });
  if (!ran) return ran.error();
  return complete;
}

}  // namespace culvert::host
