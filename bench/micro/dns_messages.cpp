// What a local answer costs without the system calls: reading the query, resolving it in a mesh of
// 10,000 services, writing the answer; and the same reading and writing by the library's objects.
#include "culvert/dns/resolve.hpp"

#include <benchmark/benchmark.h>
#include <ldns/ldns.h>

#include <cstdlib>
#include <string>

namespace {

using namespace culvert;

constexpr int kServices = 10000;
constexpr int kEndpoints = 50000;

const state::Store& mesh() {
  static state::Store store(state::LocalNode{Name("node-a"), Name(), Name("c1")});
  static const bool filled = [] {
    state::Update update;
    for (int i = 0; i < kServices; ++i) {
      state::Service s;
      s.namespace_ = Name("ns" + std::to_string(i % 100));
      s.name = Name("s" + std::to_string(i));
      s.hostname = Name(s.name.str() + "." + s.namespace_.str() + ".svc.cluster.local");
      if (i != 0)
        s.vips.push_back({Name(), IpAddress::v4(10, 96, static_cast<std::uint8_t>(i >> 8),
                                                static_cast<std::uint8_t>(i))});
      update.services.push_back(std::move(s));
    }
    for (int i = 0; i < kEndpoints; ++i) {
      state::Workload w;
      w.name = Name("p" + std::to_string(i));
      w.uid = Name("c1//Pod/ns0/" + w.name.str());
      w.namespace_ = Name("ns0");
      w.addresses = {
          IpAddress::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i))};
      w.services.push_back({{Name("ns0"), Name("s0.ns0.svc.cluster.local")}, {}});
      update.workloads.push_back(std::move(w));
    }
    store.apply(std::move(update));
    return true;
  }();
  (void)filled;
  return store;
}

dns::Message wire_of(const std::string& name) {
  ldns_pkt* packet = ldns_pkt_query_new(ldns_dname_new_frm_str((name + ".").c_str()),
                                        LDNS_RR_TYPE_A, LDNS_RR_CLASS_IN, LDNS_RD);
  ldns_pkt_set_edns_udp_size(packet, 1232);
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&wire, packet, &size) != LDNS_STATUS_OK) std::abort();
  dns::Message out(wire, wire + size);
  std::free(wire);
  ldns_pkt_free(packet);
  return out;
}

void local_answer(benchmark::State& state, const std::string& name, dns::Transport transport) {
  const dns::Message wire = wire_of(name);
  const state::Store& store = mesh();
  state::Workload client;
  client.namespace_ = Name("ns7");
  const dns::ResolveSettings settings;
  Random random(1);
  std::size_t size = 0;
  for (auto _ : state) {
    const auto read = dns::read_query(wire);
    const auto& query = std::get<dns::Query>(read);
    const auto result = dns::resolve(store.view(), client, query, transport, settings, random);
    const auto answer = dns::write_answer(query, result.records, transport);
    size = answer.size();
    benchmark::DoNotOptimize(answer.data());
  }
  state.counters["bytes"] = static_cast<double>(size);
}

// Only what the library needs for the same messages, nothing resolved.
void by_library_objects(benchmark::State& state) {
  const dns::Message wire = wire_of("s7.ns7.svc.cluster.local");
  for (auto _ : state) {
    ldns_pkt* query = nullptr;
    if (ldns_wire2pkt(&query, wire.data(), wire.size()) != LDNS_STATUS_OK) std::abort();
    ldns_pkt* answer = ldns_pkt_new();
    ldns_pkt_set_id(answer, ldns_pkt_id(query));
    ldns_pkt_set_qr(answer, true);
    ldns_rr* question = ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0));
    ldns_rr* rr = ldns_rr_new_frm_type(LDNS_RR_TYPE_A);
    ldns_rr_set_owner(rr, ldns_rdf_clone(ldns_rr_owner(question)));
    ldns_rr_set_ttl(rr, 30);
    const std::uint8_t address[4] = {10, 96, 0, 7};
    ldns_rr_set_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, address), 0);
    ldns_pkt_push_rr(answer, LDNS_SECTION_QUESTION, question);
    ldns_pkt_push_rr(answer, LDNS_SECTION_ANSWER, rr);
    std::uint8_t* out = nullptr;
    std::size_t size = 0;
    if (ldns_pkt2wire(&out, answer, &size) != LDNS_STATUS_OK) std::abort();
    benchmark::DoNotOptimize(out);
    std::free(out);
    ldns_pkt_free(answer);
    ldns_pkt_free(query);
  }
}

}  // namespace

BENCHMARK_CAPTURE(local_answer, full_name, "s7.ns7.svc.cluster.local", dns::Transport::udp);
BENCHMARK_CAPTURE(local_answer, short_name, "s7", dns::Transport::udp);
BENCHMARK_CAPTURE(local_answer, alias, "s7.ns7.ns7.svc.cluster.local", dns::Transport::udp);
BENCHMARK_CAPTURE(local_answer, not_ours, "www.example.com.ns7.svc.cluster.local",
                  dns::Transport::udp);
BENCHMARK_CAPTURE(local_answer, headless_50000, "s0.ns0.svc.cluster.local", dns::Transport::udp);
BENCHMARK_CAPTURE(local_answer, headless_50000_tcp, "s0.ns0.svc.cluster.local",
                  dns::Transport::tcp);
BENCHMARK_CAPTURE(local_answer, one_of_50000, "p4711.s0.ns0.svc.cluster.local",
                  dns::Transport::udp);
BENCHMARK(by_library_objects);
BENCHMARK_MAIN();
