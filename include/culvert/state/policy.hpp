// An authorization policy as data: rules OR, clauses AND, matches OR, attributes AND, values OR.
// Evaluation is authorize.hpp. A converter must refuse a policy with a value it cannot read (a bad
// CIDR block, a string match without kind, a port above 65535): dropping one silently could turn a
// DENY into nothing.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/name.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace culvert::state {

struct StringMatch {
  enum class Kind : std::uint8_t { exact, prefix, suffix, presence };
  Kind kind = Kind::exact;
  std::string value;  // unused by presence, which means "not empty"
  friend bool operator==(const StringMatch&, const StringMatch&) = default;
};

// Both parts compared exactly; the trust domain does not matter.
struct ServiceAccountMatch {
  Name namespace_;
  Name service_account;
  friend bool operator==(const ServiceAccountMatch&, const ServiceAccountMatch&) = default;
};

// One match. Without any attribute it never matches.
struct Match {
  std::vector<StringMatch> namespaces, not_namespaces;
  std::vector<ServiceAccountMatch> service_accounts, not_service_accounts;
  std::vector<StringMatch> principals, not_principals;  // compared without "spiffe://"
  std::vector<IpPrefix> source_ips, not_source_ips;
  std::vector<IpPrefix> destination_ips, not_destination_ips;
  std::vector<std::uint16_t> destination_ports, not_destination_ports;

  // True when no attribute is given.
  bool empty() const;
  friend bool operator==(const Match&, const Match&) = default;
};

// True when one of the matches is, or when there are none.
struct Clause {
  std::vector<Match> matches;
  friend bool operator==(const Clause&, const Clause&) = default;
};

// True when all clauses are; hence with none.
struct Rule {
  std::vector<Clause> clauses;
  friend bool operator==(const Rule&, const Rule&) = default;
};

// One policy; it matches when one of its rules does, hence never without rules.
struct Policy {
  // Global and namespace policies apply by themselves, selector policies where a workload lists
  // their resource name.
  enum class Scope : std::uint8_t { global, namespace_, workload_selector };
  enum class Action : std::uint8_t { allow, deny };

  Name resource_name;  // the key, normally "namespace/name"
  Name name;
  Name namespace_;
  Scope scope = Scope::global;
  Action action = Action::allow;
  bool dry_run = false;  // matches are reported, never enforced
  std::vector<Rule> rules;

  friend bool operator==(const Policy&, const Policy&) = default;
};

// Shared and never changed again: an update of the mesh replaces it.
using PolicyPtr = std::shared_ptr<const Policy>;

}  // namespace culvert::state
