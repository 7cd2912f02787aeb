#include "proxy/dns/flight.hpp"

#include <chrono>
#include <utility>

#include "culvert/net/datagram.hpp"
#include "proxy/dns/tcp_try.hpp"

namespace culvert::proxy {

namespace {
// Longer than any exchange lasts: it is the flight that ends a connection.
constexpr auto kTcpTry = std::chrono::seconds(10);
}  // namespace

Flight::UdpTry::UdpTry(Flight& flight, std::size_t attempt, UniqueFd fd)
    : flight_(flight), attempt_(attempt), fd_(std::move(fd)) {}

Flight::UdpTry::~UdpTry() { flight_.pod_.worker().readiness().remove_closing(*this); }

Result<void> Flight::UdpTry::ask(Bytes query) {
  auto added = flight_.pod_.worker().readiness().add_reader(fd_.get(), *this);
  if (!added) return added;
  return net::send_datagram(fd_.get(), query);
}

void Flight::UdpTry::on_ready(std::uint32_t) {
  Flight& flight = flight_;  // this may be destroyed below
  const auto into = flight.pod_.worker().scratch().plaintext();
  for (;;) {
    const auto got = net::receive_datagram(fd_.get(), into);
    if (got.what == net::Received::none) break;
    if (got.what == net::Received::failed || ++guesses_ > kMostGuesses) {
      flight.on_failure(attempt_);
      return;
    }
    const auto bytes = into.first(got.size);
    if (auto answer = flight.exchange_.on_answer(attempt_, bytes, flight.pod_.worker().now())) {
      flight.heard(std::move(answer));
      return;
    }
  }
  flight.go_on();
}

Flight::Flight(FlightOwner& owner, PodProxy& pod, Question question, const Departure& from,
               dns::ResolversPtr resolvers, std::uint64_t entropy)
    : owner_(owner),
      pod_(pod),
      from_(from),
      question_(std::move(question)),
      exchange_(question_.bytes, question_.read, from.transport, std::move(resolvers),
                pod.worker().now(), entropy),
      timer_([this] { go_on(); }) {}

Flight::~Flight() {
  for (const auto& one : tcp_) one->abandon();
}

void Flight::take_off(const Result<net::NetnsGuard>& inside) {
  while (auto ask = exchange_.next(pod_.worker().now())) start(inside, std::move(*ask));
}

// A connection over TCP waits: while this thread is in the pod no coroutine may run.
void Flight::start(const Result<net::NetnsGuard>& inside, dns::Exchange::Ask ask) {
  if (ask.transport == dns::Transport::tcp) {
    tcp_due_.push_back(std::move(ask));
  } else if (auto started = start_udp(inside, ask); !started) {
    truncated_ = exchange_.on_failure(ask.attempt, pod_.worker().now());
  }
}

Result<void> Flight::start_udp(const Result<net::NetnsGuard>& inside,
                               const dns::Exchange::Ask& ask) {
  if (!inside) return inside.error();
  auto fd = net::connect_udp(*inside, ask.server, from_.socket);
  if (!fd) return fd.error();
  auto made = std::make_unique<UdpTry>(*this, ask.attempt, std::move(*fd));
  if (auto sent = made->ask(ask.message); !sent) return sent;
  if (udp_.size() == kMostOpen) udp_.erase(udp_.begin());
  udp_.push_back(std::move(made));
  return {};
}

void Flight::settle() {
  const TimePoint now = pod_.worker().now();
  if (truncated_) return owner_.on_landed(*this, std::move(*truncated_), false);
  if (exchange_.given_up(now)) return owner_.on_landed(*this, exchange_.failure(), true);
  timer_.arm(pod_.worker().timers(), exchange_.deadline());
  if (!tcp_due_.empty()) connect();
}

// A connection that fails at once may end it all: this is not to be touched then.
void Flight::connect() {
  PodProxy& pod = pod_;
  const TimePoint deadline = pod.worker().now() + kTcpTry;
  std::vector<std::shared_ptr<TcpTry>> fresh;
  for (auto& ask : std::exchange(tcp_due_, {}))
    fresh.push_back(std::make_shared<TcpTry>(*this, from_, std::move(ask), deadline));
  tcp_.insert(tcp_.end(), fresh.begin(), fresh.end());
  for (auto& one : fresh)
    net::spawn(pod.worker(), TcpTry::run(pod, PodProxy::Attempt(pod), std::move(one)));
}

void Flight::go_on() {
  const TimePoint now = pod_.worker().now();
  if (auto ask = exchange_.next(now)) {  // seldom: entering the pod costs more than looking
    const auto inside = net::NetnsGuard::enter(from_.netns);
    for (; ask; ask = exchange_.next(now)) start(inside, std::move(*ask));
  }
  settle();
}

void Flight::heard(std::optional<dns::Message> answer) {
  if (answer) {
    owner_.on_landed(*this, std::move(*answer), false);
  } else {
    go_on();
  }
}

void Flight::on_answer(std::size_t attempt, Bytes message) {
  heard(exchange_.on_answer(attempt, message, pod_.worker().now()));
}

void Flight::on_failure(std::size_t attempt) {
  std::erase_if(udp_, [attempt](const auto& one) { return one->attempt_ == attempt; });
  heard(exchange_.on_failure(attempt, pod_.worker().now()));
}

}  // namespace culvert::proxy
