#include "proxy/dns/forwarder.hpp"

#include <utility>

namespace culvert::proxy {

Forwarder::~Forwarder() { cut(); }

void Forwarder::add(Question question, dns::ResolversPtr resolvers) {
  const Departure from{pod_.netns(), pod_.settings().socket, question.by.transport()};
  auto* flight =
      new Flight(owner_, pod_, std::move(question), from, std::move(resolvers), entropy_.next());
  added_.push_back(*flight);
  ++count_;
}

void Forwarder::launch() {
  if (added_.empty()) return;
  {
    const auto inside = net::NetnsGuard::enter(pod_.netns());
    for (auto& flight : added_) flight.take_off(inside);
  }
  while (!added_.empty()) {
    Flight& flight = added_.front();
    flying_.splice(flying_.end(), added_, added_.begin());
    flight.settle();
  }
}

void Forwarder::done(Flight& flight) {
  flying_.erase_and_dispose(flying_.iterator_to(flight), [](Flight* one) { delete one; });
  --count_;
}

void Forwarder::cut() {
  const auto destroy = [](Flight* one) { delete one; };
  added_.clear_and_dispose(destroy);
  flying_.clear_and_dispose(destroy);
  count_ = 0;
}

}  // namespace culvert::proxy
