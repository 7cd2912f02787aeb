#include "proxy/dns/forwarder.hpp"

#include <utility>

namespace culvert::proxy {

Forwarder::~Forwarder() { cut(); }

Forwarder::Kind Forwarder::kind_of(const Question& question) {
  return {question.by.transport(), as_text(Bytes(question.bytes).subspan(2))};
}

void Forwarder::add(Question question, dns::ResolversPtr resolvers) {
  ++count_;
  if (const auto same = under_way_.find(kind_of(question)); same != under_way_.end())
    return same->second->join(std::move(question));
  const Departure from{pod_.netns(), pod_.settings().socket, question.by.transport()};
  auto* flight =
      new Flight(owner_, pod_, std::move(question), from, std::move(resolvers), entropy_.next());
  under_way_.emplace(kind_of(flight->question()), flight);
  added_.push_back(*flight);
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
  under_way_.erase(kind_of(flight.question()));
  count_ -= 1 + flight.others().size();
  flying_.erase_and_dispose(flying_.iterator_to(flight), [](Flight* one) { delete one; });
}

void Forwarder::cut() {
  under_way_.clear();
  const auto destroy = [](Flight* one) { delete one; };
  added_.clear_and_dispose(destroy);
  flying_.clear_and_dispose(destroy);
  count_ = 0;
}

}  // namespace culvert::proxy
