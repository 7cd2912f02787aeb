#include "proxy/dns/record.hpp"

#include <chrono>
#include <string>

#include "culvert/base/log.hpp"

namespace culvert::proxy {

namespace {

const log::Target kLog("dns");

// Types without a word are counted together, but here one wants to know.
std::string type_name(std::uint16_t type) {
  std::string name(metrics::query_type_word(type));
  if (name == "unknown") return "TYPE" + std::to_string(type);
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

}  // namespace

metrics::DnsLabels DnsRecord::labels(const dns::Query& query, dns::Transport transport) const {
  metrics::DnsLabels made;
  made.type = query.type;
  made.tcp = transport == dns::Transport::tcp;
  if (of_) {
    made.canonical_service = of_->canonical_name;
    made.canonical_revision = of_->canonical_revision;
  }
  return made;
}

DnsRecord::Counters& DnsRecord::counters(const state::WorkloadPtr& client, const dns::Query& query,
                                         dns::Transport transport) {
  if (client != of_) {
    of_ = client;
    counters_.clear();
  }
  const auto type = metrics::query_type_word(query.type);
  const bool tcp = transport == dns::Transport::tcp;
  for (auto& known : counters_) {
    if (known.type.data() == type.data() && known.tcp == tcp) return known;
  }
  Counters fresh;
  fresh.type = type;
  fresh.tcp = tcp;
  return counters_.emplace_back(fresh);
}

void DnsRecord::asked(const state::WorkloadPtr& client, const dns::Query& query,
                      dns::Transport transport) {
  auto& known = counters(client, query, transport);
  if (known.requests == nullptr) known.requests = &metrics_.requests(labels(query, transport));
  known.requests->add();
}

void DnsRecord::forwarded(const state::WorkloadPtr& client, const dns::Query& query,
                          dns::Transport transport) {
  auto& known = counters(client, query, transport);
  if (known.forwarded == nullptr)
    known.forwarded = &metrics_.upstream_requests(labels(query, transport));
  known.forwarded->add();
}

void DnsRecord::upstream_answered(const state::WorkloadPtr& client, const dns::Query& query,
                                  dns::Transport transport, Duration took) {
  auto& known = counters(client, query, transport);
  if (known.duration == nullptr)
    known.duration = &metrics_.upstream_duration(labels(query, transport));
  known.duration->observe(std::chrono::duration<double>(took).count());
}

void DnsRecord::upstream_failed(const state::WorkloadPtr& client, const dns::Query& query,
                                dns::Transport transport) {
  auto& known = counters(client, query, transport);
  if (known.failures == nullptr)
    known.failures = &metrics_.upstream_failures(labels(query, transport));
  known.failures->add();
}

void log_query(const state::WorkloadPtr& client, const dns::Query& query, std::string_view result,
               std::size_t addresses) {
  if (!kLog.enabled(log::Level::debug)) return;
  const std::string_view unknown = "unknown";
  log::debug(
      kLog, "dns query",
      {log::str("src.workload", client ? client->name.view() : unknown),
       log::str("src.namespace", client ? client->namespace_.view() : unknown),
       log::str("query", type_name(query.type)), log::str("domain", query.name),
       log::str("result", result), log::num("endpoints", static_cast<std::int64_t>(addresses))});
}

}  // namespace culvert::proxy
