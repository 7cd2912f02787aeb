#include "authority/enrolment.hpp"

namespace culvert::authority {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 256;  // a peer's text in our log
  return "'" + std::string(text.substr(0, kLongest)) + "'";
}

Result<std::string> named_identity(const std::optional<std::string>& impersonated,
                                   std::span<const std::string> requested_uris) {
  if (impersonated) {
    for (const auto& uri : requested_uris)
      if (uri != *impersonated)
        return fail(Errc::invalid, "the signing request asks for " + quoted(uri) +
                                       ", ImpersonatedIdentity for " + quoted(*impersonated));
    return *impersonated;
  }
  if (requested_uris.size() == 1) return requested_uris.front();
  return fail(Errc::invalid, requested_uris.empty()
                                 ? "no identity: neither ImpersonatedIdentity nor a URI SAN"
                                 : "more than one URI SAN in the signing request");
}

}  // namespace

Result<Identity> decide_identity(const Caller& caller,
                                 const std::optional<std::string>& impersonated,
                                 std::span<const std::string> requested_uris,
                                 std::string_view trust_domain, const Roster& roster) {
  const auto uri = named_identity(impersonated, requested_uris);
  if (!uri) return uri.error();
  auto identity = Identity::parse(*uri);
  if (!identity) return fail(Errc::invalid, quoted(*uri) + " is not a SPIFFE identity of a mesh");
  if (!(identity->trust_domain == trust_domain))
    return fail(Errc::denied, quoted(*uri) + " is outside of trust domain " + quoted(trust_domain));
  if (!roster.holds(*identity))
    return fail(Errc::denied, "no workload of the mesh holds " + quoted(*uri));
  if (!caller.node.empty() && !roster.on_node(*identity, caller.node))
    return fail(Errc::denied,
                "no workload on node " + quoted(caller.node) + " holds " + quoted(*uri));
  return identity;
}

}  // namespace culvert::authority
