// Which identity a certificate request gets, or why none: the authorization of the CA, as a pure
// decision. Mirrors what istiod asks of node proxies (a workload of that service account runs on
// the caller's node).
#pragma once

#include "authority/callers.hpp"
#include "authority/roster.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace culvert::authority {

// `impersonated` is the request's ImpersonatedIdentity, when it has one: it names the identity, and
// a URI SAN in the signing request must then be the same. Otherwise the request's only URI SAN
// names it. Errc::invalid: no or unreadable identity. Errc::denied: foreign trust domain, nobody
// holds it, or not on the caller's node. The texts are meant for the caller.
Result<Identity> decide_identity(const Caller& caller,
                                 const std::optional<std::string>& impersonated,
                                 std::span<const std::string> requested_uris,
                                 std::string_view trust_domain, const Roster& roster);

}  // namespace culvert::authority
