// The names that a queried name may stand for, seen from a pod's namespace.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace culvert::dns {

// A name that may be meant. `stripped` is set where a search domain was taken off: the queried name
// without it, of which `name` may be an expansion.
struct Candidate {
  std::string_view name;
  std::string_view stripped;
};

// Walks over them in order of preference: the name itself; its Kubernetes expansions; and for each
// search domain it ends with the rest and that one's expansions. Names may come twice.
class Candidates {
 public:
  Candidates(std::string_view namespace_, std::string_view cluster_domain)
      : domain_(cluster_domain),
        services_("svc." + domain_),
        own_(std::string(namespace_) + "." + services_) {}

  // True for a name below "svc.<cluster domain>": a Kubernetes service's, or what belongs to one.
  bool in_kubernetes(std::string_view name) const { return stripped_of(services_, name) != ""; }

  // Calls f(candidate) until it returns true; says whether it did. f must not keep the views.
  template <class F>
  bool any(std::string_view name, F&& f) {
    if (f(Candidate{name, {}}) || any_expansion(name, {}, f)) return true;
    for (const std::string* domain : std::array{&own_, &services_, &domain_}) {
      const std::string_view rest = stripped_of(*domain, name);
      if (rest.empty()) continue;
      if (f(Candidate{rest, rest}) || any_expansion(rest, rest, f)) return true;
    }
    return false;
  }

 private:
  // `name` without ".<domain>" at its end, or empty when it does not end so.
  static std::string_view stripped_of(std::string_view domain, std::string_view name) {
    if (name.size() < domain.size() + 2 || !name.ends_with(domain)) return {};
    name.remove_suffix(domain.size());
    if (!name.ends_with('.')) return {};
    name.remove_suffix(1);
    return name;
  }

  template <class F>
  bool any_expansion(std::string_view name, std::string_view stripped, F& f) {
    const auto try_below = [&](const std::string& domain) {
      scratch_.assign(name);
      scratch_ += '.';
      scratch_ += domain;
      return f(Candidate{scratch_, stripped});
    };
    const bool below_svc = name.ends_with(".svc");
    switch (std::count(name.begin(), name.end(), '.') + 1) {
      case 1:
        return try_below(own_);
      case 2:
        return try_below(services_) || try_below(own_);
      case 3:
        return (below_svc && try_below(domain_)) || try_below(services_);
      case 4:
        return below_svc && try_below(domain_);
      default:
        return false;
    }
  }

  std::string domain_;    // cluster.local
  std::string services_;  // svc.cluster.local
  std::string own_;       // shop.svc.cluster.local
  std::string scratch_;
};

}  // namespace culvert::dns
