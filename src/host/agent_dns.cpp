// DNS of enrolled namespaces: captured where the daemon answers it, and nowhere else, for a
// namespace whose queries are redirected to nobody has no names at all (decision 17).
#include "culvert/base/log.hpp"
#include "host/agent_impl.hpp"
#include "host/dns_listener.hpp"
#include "host/resolv_conf.hpp"

namespace culvert::host {
namespace {

const log::Target kLog("agent::dns");

std::string listed(const std::vector<IpAddress>& servers) {
  std::string text;
  for (const auto& server : servers) text += (text.empty() ? "" : ", ") + server.to_string();
  return text;
}

// Whom the daemon asks what the mesh does not know. One on loopback is for the programs alone.
std::string others(const ResolvConf& conf) {
  auto servers = conf.nameservers;
  std::erase_if(servers, [](const IpAddress& server) { return server.is_loopback(); });
  if (conf.nodes || servers.empty()) return "the node's resolvers";
  return listed(servers) + " of " + conf.path;
}

Error not_served() {
  return fail(Errc::unavailable,
              "the daemon does not serve it (nobody listens on UDP port 15053 there): it does "
              "unless it was started with ISTIO_META_DNS_CAPTURE=false");
}

}  // namespace

bool Agent::Impl::dns_answered(const Entry& entry) {
  if (!entry.enrolment.capture_dns) return false;
  const auto served = serves_dns(entry.netns.fd());
  if (!served)
    log::error(kLog, "cannot see who serves DNS", {log::str("error", served.error().detail)});
  return served ? *served : entry.enrolment.redirect.dns;
}

Result<void> Agent::Impl::see_to_dns(Entry& entry, DnsCapture wish, Outcome& outcome) {
  if (wish == DnsCapture::never) {
    outcome.steps.push_back("DNS is left alone");
    return {};
  }
  const int netns = entry.netns.fd();
  auto& enrolment = entry.enrolment;
  const auto served = serves_dns(netns);
  auto options = enrolment.redirect;
  options.dns = served && *served;
  Result<void> done = {};
  if (options != enrolment.redirect) done = install_redirection(netns, options);
  if (done) enrolment.redirect = options;
  if (!served) done = served.error();
  if (served && !*served) done = not_served();
  if (done) enrolment.capture_dns = true;  // as it was demanded
  if (auto saved = save(); !saved)         // a survey after the next start finds out as well
    log::warn(kLog, "table not saved", {log::str("error", saved.error().detail)});
  if (!done && wish == DnsCapture::demanded) return done.error().with("DNS cannot be captured");
  if (!done) {
    outcome.steps.push_back("DNS is not captured: " + done.error().detail);
    return {};
  }
  const auto conf = resolv_conf_of(enrolment.netns, entry.netns);
  outcome.steps.push_back("DNS is captured: the daemon answers for the mesh and asks " +
                          others(conf) + " for the rest");
  if (const auto trouble = unasked_servers(enrolment.netns, netns, conf); !trouble.empty())
    outcome.steps.push_back("but no query leaves its programs: " + trouble);
  return {};
}

}  // namespace culvert::host
