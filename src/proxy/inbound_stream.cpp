#include "proxy/inbound_stream.hpp"

#include <array>

#include "culvert/base/log.hpp"
#include "culvert/state/inbound.hpp"
#include "proxy/application_dial.hpp"

namespace culvert::proxy {

// An allocator's size class; a node holds tens of thousands of these (bench/mesh idle).
static_assert(sizeof(InboundStream) <= 384);

namespace {

const log::Target kLog("proxy::inbound");

constexpr std::size_t kMaxHost = 253;  // the longest DNS name

// Answers without a stream.
h2::Stream* refuse(hbone::Tunnel& tunnel, const h2::Request& request, int status,
                   std::string_view why) {
  log_early_deny(metrics::Reporter::destination, tunnel.remote, tunnel.local, why);
  tunnel.session().respond(request.id, status, {}, true);
  return nullptr;
}

constexpr std::size_t kMaxShown = 256;  // of what a peer says, in a line of the log

// By its trace the peer's line about the same request is found.
void log_request(PodProxy& pod, const hbone::Tunnel& tunnel, const h2::Request& request) {
  if (!kLog.enabled(log::Level::debug)) return;
  const auto said = hbone::find_header(request.headers, "traceparent");
  log::debug(kLog, "CONNECT",
             {log::bare("peer.addr", tunnel.remote.to_string()),
              log::str("authority", request.authority.substr(0, kMaxShown)),
              log::str("traceparent", hbone::is_traceparent(said)
                                          ? std::string(said)
                                          : hbone::make_traceparent(pod.worker().random()))});
}

// The caller came through a gateway when another network is named: its address is not the client's.
bool came_through_gateway(const Settings& settings, const h2::Request& request) {
  const auto network = hbone::find_header(request.headers, "x-forwarded-network");
  if (network.empty()) return false;
  return !std::equal(network.begin(), network.end(), settings.network.view().begin(),
                     settings.network.view().end(), [](char a, char b) {
                       return std::tolower(static_cast<unsigned char>(a)) ==
                              std::tolower(static_cast<unsigned char>(b));
                     });
}

Facts facts_of(PodProxy& pod, const hbone::Tunnel& tunnel, const h2::Request& request,
               const state::WorkloadPtr& workload, const state::InboundTarget& target) {
  Facts facts;
  facts.reporter = metrics::Reporter::destination;
  facts.mutual_tls = true;
  facts.source = tunnel.remote;
  facts.destination = tunnel.local;
  facts.set_authority(request.authority);
  facts.endpoint = target.next_hop;
  facts.destination_workload = workload;
  if (tunnel.peer().identity) {
    facts.peer = *tunnel.peer().identity;
    facts.peer_is_known = true;
  }
  facts.service = target.service;
  const auto host = hbone::forwarded_host(hbone::find_header(request.headers, "forwarded"));
  if (host.size() <= kMaxHost) facts.forwarded_host = Name(host);
  const auto view = pod.environment().store.view();
  if (!facts.service) {
    facts.service = state::guess_service(view, *workload, host, target.next_hop.port);
  }
  if (!came_through_gateway(pod.settings(), request)) {
    facts.source_workload = view.find_by_address(pod.settings().network, tunnel.remote.ip);
  }
  if (!facts.source_workload && pod.settings().response_baggage) {
    auto said = hbone::parse_baggage(hbone::joined_header(request.headers, "baggage"));
    if (!said.empty()) facts.said_baggage = std::make_unique<hbone::Baggage>(std::move(said));
  }
  return facts;
}

}  // namespace

h2::Stream* accept_stream(PodProxy& pod, hbone::Tunnel& tunnel, const h2::Request& request) {
  log_request(pod, tunnel, request);
  if (request.method != "CONNECT") {
    return refuse(tunnel, request, 400,
                  "method is not CONNECT: " + std::string(request.method.substr(0, 32)));
  }
  const auto workload = pod.workload();
  if (!workload) return refuse(tunnel, request, 503, pod.why_no_workload().detail);
  const auto decision =
      state::decide_inbound(pod.environment().store.view(), *workload, tunnel.local.ip,
                            request.authority, pod.settings().inbound);
  if (const auto* refusal = std::get_if<state::InboundRefusal>(&decision)) {
    return refuse(tunnel, request, refusal->http_status, refusal->reason);
  }
  const auto& target = std::get<state::InboundTarget>(decision);
  if (!pod.serves(target)) {
    return refuse(tunnel, request, 503,
                  "port " + std::to_string(target.next_hop.port) +
                      " of the daemon itself is not served: only its metrics are");
  }
  if (target.proxy_destination) {
    return refuse(tunnel, request, 503,
                  "application tunnels with the PROXY protocol are not supported");
  }
  // Registered before it is authorized: a policy that changes in between finds it.
  auto* connection =
      new InboundStream(pod, facts_of(pod, tunnel, request, workload, target), tunnel);
  const state::ConnectionFacts asked{tunnel.remote, tunnel.peer().identity, target.next_hop};
  if (auto allowed = pod.authorize(*workload, asked); !allowed) {
    tunnel.session().respond(request.id, 401, {}, true);
    connection->denied(allowed.error());
    return nullptr;
  }
  net::spawn(pod.worker(), connection->run(PodProxy::Attempt(pod), target.dial(), workload));
  return &connection->stream();
}

InboundStream::InboundStream(PodProxy& pod, Facts facts, hbone::Tunnel& tunnel)
    : Connection(std::move(facts), pod.worker().now()), pod_(pod), relay_(pod.worker(), *this) {
  relay_.attach(tunnel);
  pod.add_connection(*this);
  opened(pod.counters(facts_));
}

void InboundStream::denied(const Error& error) { on_relay_end(&error); }

net::Async<void> InboundStream::run(PodProxy::Attempt, SocketAddress application,
                                    state::WorkloadPtr workload) {
  auto server = co_await dial_application(
      pod_, application, pod_.spoofed_source(facts_.source, application), *opening_);
  if (const Error* reason = opening_->reason(); reason != nullptr || !server) {
    fail(reason != nullptr ? *reason : server.error());
    co_return;
  }
  accept(workload);
  opening_.reset();
  relay_.start(std::move(*server));
}

// Else a peer that asks and resets could have us dial without a bound.
void InboundStream::on_stream_gone() {
  const Error* lost = relay_.failure();
  opening_->cancel(lost != nullptr ? Error(*lost)
                                   : culvert::fail(Errc::reset,
                                                   "the peer gave up before the application was "
                                                   "reached"));
}

void InboundStream::accept(const state::WorkloadPtr& workload) {
  if (!pod_.settings().response_baggage) {
    relay_.accept({});
    return;
  }
  const std::array<h2::Header, 1> headers = {{{"baggage", pod_.baggage(workload)}}};
  relay_.accept(headers);
}

void InboundStream::fail(Error error) {
  opening_->cancel(std::move(error));
  const int status = opening_->reason()->code == Errc::denied ? 401 : 503;
  if (!relay_.refuse(status)) on_relay_end(nullptr);
}

void InboundStream::cut(Error reason) {
  if (opening_) {
    opening_->cancel(std::move(reason));
  } else {
    relay_.cut(std::move(reason));
  }
}

void InboundStream::on_bytes(std::uint64_t to_tunnel, std::uint64_t to_app) {
  if (to_app != 0) counters().received(to_app);
  if (to_tunnel != 0) counters().sent(to_tunnel);
}

void InboundStream::on_relay_end(const Error* error) {
  PodProxy& pod = pod_;
  if (opening_ && opening_->reason() != nullptr) error = opening_->reason();
  closed(relay_.bytes_to_app(), relay_.bytes_to_tunnel(), error, pod.worker().now());
  delete this;
  pod.check_idle();
}

}  // namespace culvert::proxy
