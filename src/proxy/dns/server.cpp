#include "proxy/dns/server.hpp"

#include <optional>
#include <utility>
#include <variant>

#include "culvert/base/log.hpp"
#include "culvert/dns/resolve.hpp"
#include "culvert/net/datagram.hpp"

namespace culvert::proxy {

namespace {
const log::Target kLog("proxy::dns");
}  // namespace

DnsServer::DnsServer(PodProxy& pod, const DnsSettings& settings)
    : pod_(pod),
      settings_(settings),
      record_(pod.environment().dns),
      expiry_([this] { expire(); }),
      forwarder_(*this, pod) {}

DnsServer::~DnsServer() = default;

std::vector<SocketAddress> DnsServer::addresses() const {
  if (settings_.address) return {*settings_.address};
  std::vector<SocketAddress> all{{IpAddress::v4_loopback(), settings_.port}};
  if (pod_.settings().ipv6) all.push_back({IpAddress::v6_loopback(), settings_.port});
  return all;
}

Result<void> DnsServer::start() {
  for (const auto& address : addresses()) {
    auto listening = listen(address);
    if (listening) continue;
    const bool without_v6 =
        !settings_.address && address.ip.is_v6() && listening.error().code == Errc::unsupported;
    if (!without_v6) return listening.error();
  }
  return {};
}

Result<void> DnsServer::listen(const SocketAddress& address) {
  const auto& settings = pod_.settings();
  auto udp = net::bind_udp(pod_.netns(), address, settings.socket, settings.reuse_port);
  if (!udp) return udp.error();
  net::ListenOptions options;
  options.reuse_port = settings.reuse_port;
  auto tcp = net::listen_tcp(pod_.netns(), address, settings.socket, options);
  if (!tcp) return tcp.error();
  net::DatagramOwner& owner = *this;
  auto socket = std::make_unique<net::Datagrams>(pod_.worker(), std::move(*udp), owner);
  if (auto started = socket->start(); !started) return started;
  auto listener = std::make_unique<net::Listener>(
      pod_.worker(), std::move(*tcp), "DNS of " + pod_.info().to_string(),
      [this](UniqueFd client, const SocketAddress& peer) { accept(std::move(client), peer); });
  if (auto started = listener->start(); !started) return started;
  sockets_.push_back(std::move(socket));
  listeners_.push_back(std::move(listener));
  return {};
}

void DnsServer::drain() {
  if (draining_) return;
  draining_ = true;
  const PodProxy::Attempt all_of_this(pod_);
  for (auto& listener : listeners_) listener->close();
  listeners_.clear();
  for (auto& socket : sockets_) socket->stop_receiving();
  for (auto& [number, session] : sessions_) session->drain();
  close_when_done();
}

void DnsServer::stop() {
  draining_ = true;
  listeners_.clear();
  forwarder_.cut();
  waiting_.clear();
  expiry_.disarm();
  sessions_.clear();
  sockets_.clear();
}

// Later: whoever calls may stand inside a socket's reading.
void DnsServer::close_when_done() {
  if (!draining_ || sockets_.empty() || !forwarder_.empty() || !waiting_.empty()) return;
  pod_.worker().post([this, alive = PodProxy::Attempt(pod_)] {
    if (forwarder_.empty() && waiting_.empty()) sockets_.clear();
  });
}

bool DnsServer::is_own(const IpAddress& source) const {
  if (source.is_loopback()) return true;
  // Only from the pod itself can anything come to loopback.
  if (!settings_.address || settings_.address->ip.is_loopback()) return true;
  const auto own = pod_.workload();
  return own != nullptr && own->has_address(source);
}

void DnsServer::accept(UniqueFd client, const SocketAddress& peer) {
  if (!is_own(peer.ip) || sessions_.size() >= kMostSessions) {
    if (sessions_.size() >= kMostSessions) say_full("connection refused: too many are open");
    net::reset_on_close(client.get());
    return;
  }
  const auto number = ++sessions_made_;
  SessionOwner& owner = *this;
  auto session = std::make_unique<DnsSession>(owner, pod_, std::move(client), number);
  if (!session->start()) return;
  sessions_.emplace(number, std::move(session));
}

void DnsServer::on_session_end(DnsSession& session) { sessions_.erase(session.number()); }

void DnsServer::on_datagram(net::Datagrams& socket, Bytes bytes, const net::ReturnPath& from) {
  if (!is_own(from.peer.ip)) return;
  AskedBy by;
  by.socket = &socket;
  by.path = from;
  ask(bytes, std::move(by));
}

void DnsServer::on_datagrams_read() { forwarder_.launch(); }

bool DnsServer::on_query(DnsSession& session, Bytes query) {
  AskedBy by;
  by.session = session.number();
  return ask(query, std::move(by)) != Asked::silence;
}

void DnsServer::on_queries_read() { forwarder_.launch(); }

DnsServer::Asked DnsServer::ask(Bytes bytes, AskedBy by) {
  auto read = dns::read_query(bytes);
  if (std::holds_alternative<dns::Silence>(read)) return Asked::silence;
  if (auto* refusal = std::get_if<dns::Refusal>(&read)) {
    reply(by, std::move(refusal->answer));
    return Asked::answered;
  }
  return decide(bytes, std::get<dns::Query>(std::move(read)), std::move(by));
}

DnsServer::Asked DnsServer::decide(Bytes bytes, dns::Query query, AskedBy by) {
  const auto transport = by.transport();
  state::WorkloadPtr client;
  dns::Resolution found;
  {
    const auto& info = pod_.info();
    const auto view = pod_.environment().store.view();
    client = view.local_workload(info.namespace_, info.name, info.service_account);
    if (client) {
      found =
          dns::resolve(view, *client, query, transport, settings_.resolve, pod_.worker().random());
    }
  }
  const TimePoint now = pod_.worker().now();
  if (!client) return wait(Question(pod_, bytes, std::move(query), std::move(by), nullptr, now));
  record_.asked(client, query, transport);
  if (found.outcome == dns::Outcome::forward)
    return pass_on(Question(pod_, bytes, std::move(query), std::move(by), std::move(client), now));
  log_query(client, query, dns::to_string(found.outcome), found.records.addresses.size());
  reply(by, dns::write_answer(query, found.records, transport));
  return Asked::answered;
}

DnsServer::Asked DnsServer::refuse(const Question& question, std::string_view why) {
  log_query(question.client, question.read, why, 0);
  reply(question.by, dns::write_failure(question.read, dns::Rcode::serv_fail));
  return Asked::answered;
}

DnsServer::Asked DnsServer::wait(Question question) {
  if (waiting_.size() >= kMostWaiting) {
    say_full("query not answered: too many wait for the pod's workload to be known");
    return refuse(question, "too many wait for the workload");
  }
  waiting_.push_back(std::move(question));
  if (waiting_.size() == 1) arm_expiry();
  return Asked::pending;
}

void DnsServer::arm_expiry() {
  expiry_.arm(pod_.worker().timers(), waiting_.front().since + pod_.settings().workload_timeout);
}

void DnsServer::expire() {
  const PodProxy::Attempt until_the_end(pod_);
  const TimePoint longest = pod_.worker().now() - pod_.settings().workload_timeout;
  while (!waiting_.empty() && waiting_.front().since <= longest) {
    const Question question = std::move(waiting_.front());
    waiting_.pop_front();
    record_.asked(nullptr, question.read, question.by.transport());
    refuse(question, pod_.why_no_workload().detail);
  }
  if (!waiting_.empty()) arm_expiry();
  close_when_done();
}

void DnsServer::on_state_change() {
  if (waiting_.empty() || !pod_.workload()) return;
  const PodProxy::Attempt until_the_end(pod_);
  expiry_.disarm();
  for (auto& question : std::exchange(waiting_, {}))
    decide(question.bytes, std::move(question.read), std::move(question.by));
  forwarder_.launch();
  close_when_done();
}

// The pod's own where they are known.
dns::ResolversPtr DnsServer::resolvers() const {
  if (pod_.info().resolvers) return pod_.info().resolvers;
  return pod_.environment().resolvers.for_pods();
}

DnsServer::Asked DnsServer::pass_on(Question question) {
  const auto transport = question.by.transport();
  record_.forwarded(question.client, question.read, transport);
  auto servers = resolvers();
  std::string_view trouble;
  if (!servers || servers->servers.empty()) {
    trouble = "forwarding failed (no resolver is known)";
  } else if (forwarder_.full()) {
    trouble = "forwarding failed (too many wait for resolvers)";
    say_full("query not passed on: too many wait for resolvers");
  }
  if (!trouble.empty()) {
    record_.upstream_failed(question.client, question.read, transport);
    return refuse(question, trouble);
  }
  forwarder_.add(std::move(question), std::move(servers));
  return Asked::pending;
}

// The last question that goes may be the last thing that the pod waits for: not before the end.
void DnsServer::on_landed(Flight& flight, dns::Message answer, bool failed) {
  const PodProxy::Attempt until_the_end(pod_);
  land(flight.question(), answer, failed);
  for (const Question& other : flight.others())
    land(other, dns::with_id(answer, other.read.id), failed);
  forwarder_.done(flight);
  close_when_done();
}

void DnsServer::land(const Question& question, dns::Message answer, bool failed) {
  const auto transport = question.by.transport();
  if (failed) {
    record_.upstream_failed(question.client, question.read, transport);
    log_query(question.client, question.read, "forwarding failed (no resolver has answered)", 0);
  } else {
    record_.upstream_answered(question.client, question.read, transport,
                              pod_.worker().now() - question.since);
    log_query(question.client, question.read, "forwarded", 0);
  }
  reply(question.by, std::move(answer));
}

void DnsServer::reply(const AskedBy& by, dns::Message answer) {
  if (by.socket != nullptr) {
    by.socket->answer(by.path, std::move(answer));
  } else if (const auto found = sessions_.find(by.session); found != sessions_.end()) {
    found->second->answer(answer);
  }
}

void DnsServer::say_full(std::string_view what) {
  const auto left_out = overload_log_.admit(pod_.worker().now());
  if (!left_out) return;
  log::warn(kLog, what,
            {log::str("pod", pod_.info().to_string()),
             log::num("left_out", static_cast<std::int64_t>(*left_out))});
}

}  // namespace culvert::proxy
