#include "control/xds/convert.hpp"
#include "control/xds/fields.hpp"

#include "proto/authorization.pb.h"

#include <optional>
#include <utility>
#include <vector>

namespace culvert::control {
namespace {

namespace wire = istio::security;
template <class T>
using Repeated = google::protobuf::RepeatedPtrField<T>;

Result<std::vector<state::StringMatch>> to_strings(std::string_view field,
                                                   const Repeated<wire::StringMatch>& in) {
  using Kind = state::StringMatch::Kind;
  std::vector<state::StringMatch> out;
  for (const auto& match : in) {
    switch (match.match_type_case()) {
      case wire::StringMatch::kExact:
        out.push_back({Kind::exact, match.exact()});
        break;
      case wire::StringMatch::kPrefix:
        out.push_back({Kind::prefix, match.prefix()});
        break;
      case wire::StringMatch::kSuffix:
        out.push_back({Kind::suffix, match.suffix()});
        break;
      case wire::StringMatch::kPresence:
        out.push_back({Kind::presence, {}});
        break;
      case wire::StringMatch::MATCH_TYPE_NOT_SET:
        return bad_field(field, "a string match without kind");
    }
  }
  return out;
}

Result<std::vector<IpPrefix>> to_blocks(std::string_view field, const Repeated<wire::Address>& in) {
  std::vector<IpPrefix> out;
  for (const auto& address : in) {
    auto block = to_prefix(field, address.address(), address.length());
    if (!block) return block.error();
    out.push_back(*block);
  }
  return out;
}

Result<std::vector<std::uint16_t>> to_ports(
    std::string_view field, const google::protobuf::RepeatedField<std::uint32_t>& in) {
  std::vector<std::uint16_t> out;
  for (const auto value : in) {
    const auto port = to_port(field, value);
    if (!port) return port.error();
    out.push_back(*port);
  }
  return out;
}

std::vector<state::ServiceAccountMatch> to_accounts(const Repeated<wire::ServiceAccountMatch>& in) {
  std::vector<state::ServiceAccountMatch> out;
  for (const auto& account : in)
    out.push_back({Name(account.namespace_()), Name(account.serviceaccount())});
  return out;
}

// Moves a converted value to its place, or keeps the first error.
class Collector {
 public:
  template <class T>
  void take(T& place, Result<T> value) {
    if (!value && !error_)
      error_ = std::move(value.error());
    else if (value)
      place = std::move(*value);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<Error> error_;
};

Result<state::Match> to_match(const wire::Match& in) {
  state::Match out;
  Collector all;
  all.take(out.namespaces, to_strings("namespaces", in.namespaces()));
  all.take(out.not_namespaces, to_strings("not_namespaces", in.not_namespaces()));
  all.take(out.principals, to_strings("principals", in.principals()));
  all.take(out.not_principals, to_strings("not_principals", in.not_principals()));
  all.take(out.source_ips, to_blocks("source_ips", in.source_ips()));
  all.take(out.not_source_ips, to_blocks("not_source_ips", in.not_source_ips()));
  all.take(out.destination_ips, to_blocks("destination_ips", in.destination_ips()));
  all.take(out.not_destination_ips, to_blocks("not_destination_ips", in.not_destination_ips()));
  all.take(out.destination_ports, to_ports("destination_ports", in.destination_ports()));
  all.take(out.not_destination_ports,
           to_ports("not_destination_ports", in.not_destination_ports()));
  if (all.error()) return *all.error();
  out.service_accounts = to_accounts(in.service_accounts());
  out.not_service_accounts = to_accounts(in.not_service_accounts());
  return out;
}

Result<state::Rule> to_rule(const wire::Rule& in) {
  state::Rule out;
  for (const auto& clause : in.clauses()) {
    auto& matches = out.clauses.emplace_back().matches;
    for (const auto& match : clause.matches()) {
      auto converted = to_match(match);
      if (!converted) return converted.error();
      matches.push_back(std::move(*converted));
    }
  }
  return out;
}

Result<void> set_enums(const wire::Authorization& in, state::Policy& out) {
  switch (in.scope()) {
    case wire::GLOBAL:
      out.scope = state::Policy::Scope::global;
      break;
    case wire::NAMESPACE:
      out.scope = state::Policy::Scope::namespace_;
      break;
    case wire::WORKLOAD_SELECTOR:
      out.scope = state::Policy::Scope::workload_selector;
      break;
    default:
      return bad_field("scope", std::to_string(in.scope()) + " is unknown");
  }
  switch (in.action()) {
    case wire::ALLOW:
      out.action = state::Policy::Action::allow;
      break;
    case wire::DENY:
      out.action = state::Policy::Action::deny;
      break;
    default:
      return bad_field("action", std::to_string(in.action()) + " is unknown");
  }
  return {};
}

// All but the rules.
Result<state::Policy> to_head(std::string_view resource_name, const wire::Authorization& in) {
  if (resource_name.empty()) return bad_field("resource name", "missing");
  state::Policy out;
  out.resource_name = Name(resource_name);
  out.name = Name(in.name());
  out.namespace_ = Name(in.namespace_());
  out.dry_run = in.dry_run();
  if (auto set = set_enums(in, out); !set) return set.error();
  return out;
}

}  // namespace

Result<state::Policy> to_policy(std::string_view resource_name, const wire::Authorization& in) {
  auto out = to_head(resource_name, in);
  if (!out) return out;
  for (const auto& rule : in.rules()) {
    auto converted = to_rule(rule);
    if (!converted) return converted.error();
    out->rules.push_back(std::move(*converted));
  }
  return out;
}

std::optional<state::Policy> to_stand_in(std::string_view resource_name,
                                         const wire::Authorization& in) {
  auto out = to_head(resource_name, in);
  if (!out || out->dry_run) return std::nullopt;
  // Without rules an ALLOW policy allows nothing; a rule without clauses matches everything.
  if (out->action == state::Policy::Action::deny) out->rules.emplace_back();
  return *std::move(out);
}

}  // namespace culvert::control
