#include "control/local/schema.hpp"

namespace culvert::control::local {

namespace {

using state::Match;
using state::Policy;
using state::StringMatch;

constexpr const char* kStringMatchForms =
    "must be !Exact x, !Prefix x, !Suffix x or !Presence [] (or {Exact: x} and so on)";

StringMatch string_match(const Value& where, std::string_view kind, const Value& value) {
  using Kind = StringMatch::Kind;
  if (kind == "Exact") return {Kind::exact, value.filled_text()};
  if (kind == "Prefix") return {Kind::prefix, value.filled_text()};
  if (kind == "Suffix") return {Kind::suffix, value.filled_text()};
  if (kind == "Presence") return {Kind::presence, {}};
  where.bad(kStringMatchForms);
}

// A tagged value, or a map of one entry.
StringMatch read_string_match(const Value& value) {
  const std::string tag = value.tag();
  if (tag.starts_with('!')) return string_match(value, std::string_view(tag).substr(1), value);
  if (value.is_map()) {
    const auto entries = value.entries();
    if (entries.size() == 1) return string_match(value, entries[0].first.text(), entries[0].second);
  }
  value.bad(kStringMatchForms);
}

state::ServiceAccountMatch read_account(const Value& value) {
  value.only({"namespace", "serviceAccount"});
  return {value.required("namespace").name(), value.required("serviceAccount").name()};
}

template <class T, class F>
void read_list(const Value& value, std::string_view key, std::vector<T>& out, F read) {
  const auto field = value.find_written(key);
  if (!field) return;
  for (const Value& item : field->restricting_items()) out.push_back(read(item));
}

Match read_match(const Value& value) {
  value.only({"namespaces", "notNamespaces", "serviceAccounts", "notServiceAccounts", "principals",
              "notPrincipals", "sourceIps", "notSourceIps", "destinationIps", "notDestinationIps",
              "destinationPorts", "notDestinationPorts"});
  const auto prefix = [](const Value& v) { return v.prefix(); };
  const auto port = [](const Value& v) { return v.port(0); };
  Match m;
  read_list(value, "namespaces", m.namespaces, read_string_match);
  read_list(value, "notNamespaces", m.not_namespaces, read_string_match);
  read_list(value, "serviceAccounts", m.service_accounts, read_account);
  read_list(value, "notServiceAccounts", m.not_service_accounts, read_account);
  read_list(value, "principals", m.principals, read_string_match);
  read_list(value, "notPrincipals", m.not_principals, read_string_match);
  read_list(value, "sourceIps", m.source_ips, prefix);
  read_list(value, "notSourceIps", m.not_source_ips, prefix);
  read_list(value, "destinationIps", m.destination_ips, prefix);
  read_list(value, "notDestinationIps", m.not_destination_ips, prefix);
  read_list(value, "destinationPorts", m.destination_ports, port);
  read_list(value, "notDestinationPorts", m.not_destination_ports, port);
  return m;
}

state::Rule read_rule(const Value& value) {
  state::Rule rule;
  for (const Value& clause_value : value.restricting_items()) {
    state::Clause clause;
    for (const Value& match : clause_value.restricting_items())
      clause.matches.push_back(read_match(match));
    rule.clauses.push_back(std::move(clause));
  }
  return rule;
}

}  // namespace

Policy read_policy(const Value& value) {
  using Scope = Policy::Scope;
  using Action = Policy::Action;
  value.only({"name", "namespace", "scope", "action", "rules", "dryRun"});
  Policy p;
  p.name = value.required("name").filled_name();
  p.namespace_ = value.required("namespace").filled_name();
  p.resource_name = Name(p.namespace_.str() + "/" + p.name.str());
  p.scope = value.required("scope").choice<Scope>({{"Global", Scope::global},
                                                   {"Namespace", Scope::namespace_},
                                                   {"WorkloadSelector", Scope::workload_selector}});
  p.action =
      value.required("action").choice<Action>({{"Allow", Action::allow}, {"Deny", Action::deny}});
  if (const auto field = value.find("dryRun")) p.dry_run = field->boolean();
  for (const Value& rule : value.required("rules").items()) p.rules.push_back(read_rule(rule));
  return p;
}

}  // namespace culvert::control::local
