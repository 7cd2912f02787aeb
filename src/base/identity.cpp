#include "culvert/base/identity.hpp"

#include <array>

namespace culvert {

namespace {
constexpr std::string_view kScheme = "spiffe://";
}

Result<Identity> Identity::parse(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return fail(Errc::invalid, "not a SPIFFE ID: " + std::string(uri));
  std::array<std::string_view, 5> parts;
  std::string_view rest = uri.substr(kScheme.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto slash = rest.find('/');
    const bool last = i + 1 == parts.size();
    if (last != (slash == std::string_view::npos)) {
      return fail(Errc::invalid,
                  "SPIFFE ID is not spiffe://<trust domain>/ns/<namespace>/sa/<service account>: " +
                      std::string(uri));
    }
    parts[i] = rest.substr(0, slash);
    if (!last) rest.remove_prefix(slash + 1);
  }
  if (parts[1] != "ns" || parts[3] != "sa") {
    return fail(Errc::invalid, "SPIFFE ID has no /ns/ and /sa/: " + std::string(uri));
  }
  return Identity{Name(parts[0]), Name(parts[2]), Name(parts[4])};
}

std::string Identity::uri() const { return std::string(kScheme) + principal(); }

std::string Identity::principal() const {
  return trust_domain.str() + "/ns/" + namespace_.str() + "/sa/" + service_account.str();
}

}  // namespace culvert
