#include "authority/encode.hpp"
#include "authority/wire.hpp"

#include "proto/authorization.pb.h"

namespace culvert::authority {
namespace {

namespace sec = istio::security;

std::string text(const Name& name) { return name.str(); }

void put(const state::StringMatch& from, sec::StringMatch& to) {
  switch (from.kind) {
    case state::StringMatch::Kind::exact:
      return to.set_exact(from.value);
    case state::StringMatch::Kind::prefix:
      return to.set_prefix(from.value);
    case state::StringMatch::Kind::suffix:
      return to.set_suffix(from.value);
    case state::StringMatch::Kind::presence:
      to.mutable_presence();
      return;
  }
}

void put(const IpPrefix& from, sec::Address& to) {
  to.set_address(std::string(as_text(from.base().bytes())));
  to.set_length(from.length());
}

void put(const state::ServiceAccountMatch& from, sec::ServiceAccountMatch& to) {
  to.set_namespace_(text(from.namespace_));
  to.set_serviceaccount(text(from.service_account));
}

template <class From, class To>
void put_all(const std::vector<From>& from, google::protobuf::RepeatedPtrField<To>* to) {
  for (const auto& value : from) put(value, *to->Add());
}

void put_all(const std::vector<std::uint16_t>& from,
             google::protobuf::RepeatedField<std::uint32_t>* to) {
  to->Add(from.begin(), from.end());
}

void put(const state::Match& from, sec::Match& to) {
  put_all(from.namespaces, to.mutable_namespaces());
  put_all(from.not_namespaces, to.mutable_not_namespaces());
  put_all(from.service_accounts, to.mutable_service_accounts());
  put_all(from.not_service_accounts, to.mutable_not_service_accounts());
  put_all(from.principals, to.mutable_principals());
  put_all(from.not_principals, to.mutable_not_principals());
  put_all(from.source_ips, to.mutable_source_ips());
  put_all(from.not_source_ips, to.mutable_not_source_ips());
  put_all(from.destination_ips, to.mutable_destination_ips());
  put_all(from.not_destination_ips, to.mutable_not_destination_ips());
  put_all(from.destination_ports, to.mutable_destination_ports());
  put_all(from.not_destination_ports, to.mutable_not_destination_ports());
}

sec::Scope scope(state::Policy::Scope from) {
  switch (from) {
    case state::Policy::Scope::global:
      return sec::GLOBAL;
    case state::Policy::Scope::namespace_:
      return sec::NAMESPACE;
    case state::Policy::Scope::workload_selector:
      return sec::WORKLOAD_SELECTOR;
  }
  return sec::GLOBAL;
}

}  // namespace

std::string encode(const state::Policy& policy) {
  sec::Authorization to;
  to.set_name(text(policy.name));
  to.set_namespace_(text(policy.namespace_));
  to.set_scope(scope(policy.scope));
  const bool deny = policy.action == state::Policy::Action::deny;
  to.set_action(deny ? sec::DENY : sec::ALLOW);
  to.set_dry_run(policy.dry_run);
  for (const auto& rule : policy.rules) {
    auto& rule_to = *to.add_rules();
    for (const auto& clause : rule.clauses) {
      auto& clause_to = *rule_to.add_clauses();
      for (const auto& match : clause.matches) put(match, *clause_to.add_matches());
    }
  }
  return serialize(to);
}

}  // namespace culvert::authority
