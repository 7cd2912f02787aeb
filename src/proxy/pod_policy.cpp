// Authorization of a pod's inbound connections, when they open and when policy changes.
#include <algorithm>

#include "culvert/base/log.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

namespace {

const log::Target kLog("proxy::policy");

void log_verdict(const Settings& settings, const state::Verdict& verdict,
                 const state::ConnectionFacts& facts) {
  const auto level = settings.policy_info_log ? log::Level::info : log::Level::debug;
  if (!kLog.enabled(level)) return;
  const auto identity = facts.identity ? facts.identity->uri() : std::string();
  const auto source = facts.source.to_string();
  const auto destination = facts.destination.to_string();
  const auto reason = verdict.reason();
  log::write(level, kLog, verdict.allowed ? "connection allowed" : "connection denied",
             {log::bare("src.addr", source), log::str("src.identity", identity),
              log::bare("dst.addr", destination), log::str("reason", reason)});
  for (const auto& policy : verdict.dry_run) {
    const auto name = policy->namespace_.str() + "/" + policy->name.str();
    log::write(level, kLog, "dry-run policy matches",
               {log::bare("src.addr", source), log::str("policy", name)});
  }
}

}  // namespace

// Once for each, as long as it is missing: a line a connection would drown the log.
void PodProxy::warn_missing(std::vector<Name> missing) {
  for (const auto& name : missing) {
    if (std::find(missing_.begin(), missing_.end(), name) != missing_.end()) continue;
    log::warn(kLog, "the workload lists a policy that has not arrived: it is not enforced",
              {log::str("workload", info_.name.view()), log::str("policy", name.view())});
  }
  missing_ = std::move(missing);
}

Result<void> PodProxy::authorize(const state::Workload& workload,
                                 const state::ConnectionFacts& facts) {
  auto verdict = state::authorize(environment_.store.view(), workload, facts);
  log_verdict(settings(), verdict, facts);
  warn_missing(std::move(verdict.missing));
  if (verdict.allowed) return {};
  return fail(Errc::denied, "connection closed due to policy rejection: " + verdict.reason());
}

// Each one goes to the back of the list when it is looked at. New connections join there as well,
// judged by what holds now, so those at the front are the ones to look at, however many have ended.
std::size_t PodProxy::recheck(std::size_t most) {
  const auto current = workload();
  std::size_t looked_at = 0;
  for (; to_recheck_ != 0 && looked_at < most; --to_recheck_, ++looked_at) {
    if (connections_.empty()) {
      to_recheck_ = 0;
      break;
    }
    Connection& connection = connections_.front();
    connections_.splice(connections_.end(), connections_, connections_.begin());
    recheck(connection, current);
  }
  return looked_at;
}

void PodProxy::recheck(Connection& connection, const state::WorkloadPtr& current) {
  if (connection.facts().reporter != metrics::Reporter::destination) return;
  const state::ConnectionFacts facts{connection.facts().source,
                                     connection.facts().source_identity(),
                                     connection.facts().actual_destination()};
  // A pod that has left the mesh meanwhile is judged as it was when the connection opened.
  const auto& judged = current ? current : connection.facts().destination_workload;
  const auto verdict = state::authorize(environment_.store.view(), *judged, facts);
  if (!verdict.allowed) {
    connection.cut(fail(Errc::denied, "connection closed due to policy change"));
  }
}

std::optional<IpAddress> PodProxy::spoofed_source(const SocketAddress& client,
                                                  const SocketAddress& application) const {
  if (!spoof_ || client.ip == application.ip) return std::nullopt;
  return client.ip;
}

ConnectionInfo PodProxy::describe(const Connection& connection) const {
  const Facts& facts = connection.facts();
  ConnectionInfo info;
  info.inbound = facts.reporter == metrics::Reporter::destination;
  info.source = facts.source.to_string();
  // For a tunnelled inbound connection that is what the caller says it meant, if it does.
  const bool said = info.inbound && facts.mutual_tls;
  info.original_destination = said ? facts.forwarded_host.str() : facts.endpoint.to_string();
  info.actual_destination = facts.actual_destination().to_string();
  info.protocol = facts.mutual_tls ? "HBONE" : "TCP";
  return info;
}

std::vector<ConnectionInfo> PodProxy::connections() const {
  std::vector<ConnectionInfo> all;
  for (const auto& connection : connections_) all.push_back(describe(connection));
  return all;
}

}  // namespace culvert::proxy
