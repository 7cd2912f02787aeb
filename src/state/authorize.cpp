#include "culvert/state/authorize.hpp"

#include "state/match.hpp"

#include <algorithm>

namespace culvert::state {

namespace {

bool matches(const Clause& clause, const ConnectionFacts& facts) {
  return clause.matches.empty() ||
         std::any_of(clause.matches.begin(), clause.matches.end(),
                     [&](const Match& match) { return matches(match, facts); });
}

bool matches(const Rule& rule, const ConnectionFacts& facts) {
  return std::all_of(rule.clauses.begin(), rule.clauses.end(),
                     [&](const Clause& clause) { return matches(clause, facts); });
}

// Calls f(policy) for each policy that applies to `destination` until f returns true; says whether
// it did.
template <class F>
bool any_applicable(const View& view, const Workload& destination, F f) {
  for (const PolicyPtr& policy : view.policies_of(destination.namespace_)) {
    if (f(policy)) return true;
  }
  // A workload without namespace has just seen the global ones.
  if (!destination.namespace_.empty()) {
    for (const PolicyPtr& policy : view.policies_of({})) {
      if (f(policy)) return true;
    }
  }
  for (const Name& name : destination.authorization_policies) {
    const PolicyPtr policy = view.find_policy(name);
    if (policy != nullptr && f(policy)) return true;
  }
  return false;
}

}  // namespace

bool matches(const Policy& policy, const ConnectionFacts& facts) {
  return std::any_of(policy.rules.begin(), policy.rules.end(),
                     [&](const Rule& rule) { return matches(rule, facts); });
}

Verdict authorize(const View& view, const Workload& destination, const ConnectionFacts& facts) {
  Verdict verdict;
  for (const Name& name : destination.authorization_policies) {
    if (view.find_policy(name) == nullptr) verdict.missing.push_back(name);
  }
  // One pass of each action, DENY first; a pass stops at the first enforced match.
  bool has_allow = false;
  const auto decides = [&](const PolicyPtr& policy, Policy::Action action) {
    if (policy->action != action) return false;
    has_allow = has_allow || (action == Policy::Action::allow && !policy->dry_run);
    if (!matches(*policy, facts)) return false;
    if (!policy->dry_run) {
      verdict.policy = policy;
      return true;
    }
    auto& seen = verdict.dry_run;
    if (std::find(seen.begin(), seen.end(), policy) == seen.end()) seen.push_back(policy);
    return false;
  };
  const auto pass = [&](Policy::Action action) {
    return any_applicable(view, destination,
                          [&](const PolicyPtr& policy) { return decides(policy, action); });
  };
  if (pass(Policy::Action::deny)) {
    verdict.basis = Verdict::Basis::denied_by;
  } else if (pass(Policy::Action::allow)) {
    verdict.basis = Verdict::Basis::allowed_by;
  } else if (has_allow) {
    verdict.basis = Verdict::Basis::none_allowed;
  }
  verdict.allowed = verdict.basis == Verdict::Basis::no_allow_policies ||
                    verdict.basis == Verdict::Basis::allowed_by;
  return verdict;
}

}  // namespace culvert::state
