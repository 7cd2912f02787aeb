// What a pod sends to port 53: read, resolved over a small mesh and answered. The library reads
// both ends again, so that the room's own reading and writing is held against a second one.
#include "culvert/dns/resolve.hpp"

#include <ldns/ldns.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace {

using namespace culvert;

struct Mesh {
  state::Store store{state::LocalNode{Name("node-a"), Name(), Name("c1")}};
  state::Workload client;

  Mesh() {
    state::Update update;
    add_service(update, "shop", "web.shop.svc.cluster.local", {IpAddress::v4(10, 96, 0, 1)});
    add_service(update, "shop", "pods.shop.svc.cluster.local", {});
    add_service(update, "ext", "*.example.com",
                {IpAddress::v4(240, 240, 0, 1), IpAddress::v6_loopback()});
    for (std::uint8_t i = 0; i < 200; ++i) add_pod(update, i);
    client.namespace_ = Name("shop");
    store.apply(std::move(update));
  }

 private:
  static void add_service(state::Update& update, const char* ns, const char* host,
                          const std::vector<IpAddress>& vips) {
    state::Service s;
    s.namespace_ = Name(ns);
    s.hostname = Name(host);
    for (const IpAddress& ip : vips) s.vips.push_back({Name(), ip});
    update.services.push_back(std::move(s));
  }
  static void add_pod(state::Update& update, std::uint8_t i) {
    state::Workload w;
    w.name = Name("pods-" + std::to_string(i));
    w.uid = Name("c1//Pod/shop/" + w.name.str());
    w.namespace_ = Name("shop");
    w.addresses = {IpAddress::v4(10, 1, 0, i)};
    w.services.push_back({{Name("shop"), Name("pods.shop.svc.cluster.local")}, {}});
    update.workloads.push_back(std::move(w));
  }
};

using Packet = std::unique_ptr<ldns_pkt, decltype([](ldns_pkt* p) { ldns_pkt_free(p); })>;

Packet parse(Bytes wire) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, wire.data(), wire.size()) != LDNS_STATUS_OK) std::abort();
  return Packet(packet);
}

// An answer that goes out: well-formed, to this query, and nothing behind its end.
Packet check_answer(Bytes query, const dns::Message& answer, std::size_t limit) {
  if (answer.size() > limit || answer.size() < 12) std::abort();
  if (answer[0] != query[0] || answer[1] != query[1] || (answer[2] & 0x80) == 0) std::abort();
  if ((answer[3] & 0x80) == 0) std::abort();  // RA
  return parse(answer);
}

void check_reading(const Packet& packet, const dns::Query& query) {
  if (ldns_pkt_qdcount(packet.get()) != 1) std::abort();
  if (ldns_pkt_edns(packet.get()) != query.edns.has_value()) std::abort();
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(packet.get()), 0);
  if (static_cast<unsigned>(ldns_rr_get_type(question)) != query.type) std::abort();
  if (ldns_rdf_size(ldns_rr_owner(question)) != query.question.size() - 4) std::abort();
  if (query.name.size() > 1020) std::abort();
}

void check_query(Bytes wire, const dns::Query& query, dns::Transport transport) {
  static const Mesh mesh;
  static Random random(1);
  static const dns::ResolveSettings settings;
  // Data of records other than OPT is none of the room's business, and may be anything.
  const unsigned records = LDNS_ARCOUNT(wire.data());
  if (records == (query.edns ? 1U : 0U)) check_reading(parse(wire), query);
  const auto result =
      dns::resolve(mesh.store.view(), mesh.client, query, transport, settings, random);
  if (result.outcome == dns::Outcome::forward && result.found != nullptr) std::abort();
  const auto answer = dns::write_answer(query, result.records, transport);
  const Packet packet = check_answer(wire, answer, query.answer_limit(transport));
  if (ldns_pkt_edns(packet.get()) != query.edns.has_value()) std::abort();
  const bool found = result.outcome == dns::Outcome::success;
  if (found && ldns_pkt_ancount(packet.get()) == 0) std::abort();
  check_answer(wire, dns::write_failure(query, dns::Rcode::serv_fail), 512);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes wire(data, size);
  const auto read = dns::read_query(wire);
  if (const auto* refusal = std::get_if<dns::Refusal>(&read)) {
    check_answer(wire, refusal->answer, 512);
  } else if (const auto* query = std::get_if<dns::Query>(&read)) {
    check_query(wire, *query, dns::Transport::udp);
    check_query(wire, *query, dns::Transport::tcp);
  }
  return 0;
}
