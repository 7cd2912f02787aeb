#include "proxy/dns/hostname_search.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace culvert::proxy {

HostnameSearch::HostnameSearch(PodProxy& pod, std::string_view hostname, bool ipv6,
                               dns::ResolversPtr resolvers, std::function<void(Resolved)> done)
    : pod_(pod),
      alive_(pod),
      worker_(pod.worker()),
      ipv6_(ipv6),
      resolvers_(std::move(resolvers)),
      done_(std::move(done)),
      limit_([this] { later(&HostnameSearch::give_up); }) {
  if (resolvers_ && !resolvers_->servers.empty()) {
    names_ = dns::names_to_try(hostname, *resolvers_);
  } else {
    resolved_.trouble = "no resolver is known: /etc/resolv.conf of the node proxy names none";
  }
}

void HostnameSearch::start() {
  limit_.arm(worker_.timers(), worker_.now() + kLongest);
  later(&HostnameSearch::ask_next_name);
}

// Nothing here destroys a flight or this object while one of them is being called.
void HostnameSearch::later(void (HostnameSearch::*step)()) {
  worker_.post([self = weak_from_this(), step] {
    if (const auto alive = self.lock(); alive && alive->done_) ((*alive).*step)();
  });
}

void HostnameSearch::ask_next_name() {
  if (next_ == names_.size()) return finish();
  const std::string& name = names_[next_++];
  ask(name, dns::kTypeA);
  if (ipv6_) ask(name, dns::kTypeAaaa);
  if (flying_.empty()) return later(&HostnameSearch::ask_next_name);  // that is no name
  {
    const auto inside = net::NetnsGuard::enter(netns_);
    for (const auto& flight : flying_) flight->take_off(inside);
  }
  std::vector<Flight*> fresh;
  for (const auto& flight : flying_) fresh.push_back(flight.get());
  for (auto* flight : fresh) flight->settle();  // each may land at once
}

void HostnameSearch::ask(const std::string& name, std::uint16_t type) {
  const dns::Message wire = dns::write_query(name, type);
  auto read = dns::read_query(wire);
  auto* query = std::get_if<dns::Query>(&read);
  if (query == nullptr) return;
  Question question(pod_, wire, std::move(*query), AskedBy(), nullptr, worker_.now());
  const Departure from{netns_, socket_, dns::Transport::udp};
  FlightOwner& owner = *this;
  flying_.push_back(std::make_unique<Flight>(owner, pod_, std::move(question), from, resolvers_,
                                             entropy_.next()));
}

void HostnameSearch::on_landed(Flight& flight, dns::Message answer, bool failed) {
  const auto type = flight.question().read.type;
  if (failed) {
    resolved_.trouble = "no resolver has answered";
  } else if (const auto found = dns::read_addresses(answer, type)) {
    note(*found);
  } else {
    resolved_.trouble = found.error().detail;
  }
  std::erase_if(flying_, [&flight](const auto& one) { return one.get() == &flight; });
  if (!flying_.empty()) return;
  later(resolved_.addresses.empty() ? &HostnameSearch::ask_next_name : &HostnameSearch::finish);
}

void HostnameSearch::note(const dns::Found& found) {
  if (found.addresses.empty()) {
    if (!resolved_.addresses.empty()) return;  // of the other family
    const bool sure = found.rcode == dns::Rcode::no_error || found.rcode == dns::Rcode::nx_domain;
    if (sure) resolved_.good_for = found.good_for;
    if (!sure) resolved_.trouble = "the resolvers failed";
    return;
  }
  const bool first = resolved_.addresses.empty();
  resolved_.good_for = first ? found.good_for : std::min(resolved_.good_for, found.good_for);
  resolved_.addresses.insert(resolved_.addresses.end(), found.addresses.begin(),
                             found.addresses.end());
}

void HostnameSearch::give_up() {
  flying_.clear();
  resolved_.trouble = "the resolvers did not answer in time";
  finish();
}

void HostnameSearch::finish() {
  limit_.disarm();
  if (resolved_.addresses.empty() && !resolved_.trouble.empty())
    resolved_.good_for = std::chrono::seconds(0);
  if (resolved_.addresses.empty() && resolved_.trouble.empty())
    resolved_.trouble = "there is no such name";
  const auto done = std::exchange(done_, nullptr);  // whoever is told may drop this
  done(std::move(resolved_));
}

}  // namespace culvert::proxy
