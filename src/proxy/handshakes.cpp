#include "proxy/handshakes.hpp"

#include <algorithm>

namespace culvert::proxy {

Handshakes::Place::Place(Handshakes& all, const IpAddress& source)
    : all_(all), source_(source), held_(all.begin(*this)) {}

Handshakes::Place::~Place() {
  if (held_) all_.end(*this);
}

bool Handshakes::begin(Place& place) {
  const std::size_t share = std::max<std::size_t>(most_ / 8, 1);
  const auto found = from_.find(place.source_);
  if (found != from_.end() && found->second >= share) return false;
  // The displaced need a moment to end, or longer while nobody knows their pod.
  if (in_progress_ >= 2 * most_) return false;
  if (places_.size() >= most_) {
    auto& oldest = places_.front();
    places_.pop_front();
    oldest.displaced_ = true;
    oldest.cancellation_.cancel(fail(Errc::limit, "newer TLS handshakes took its place"));
  }
  places_.push_back(place);
  ++in_progress_;
  ++from_[place.source_];
  return true;
}

void Handshakes::end(Place& place) {
  if (place.is_linked()) places_.erase(places_.iterator_to(place));
  --in_progress_;
  if (--from_[place.source_] == 0) from_.erase(place.source_);
}

void Handshakes::cancel(const Error& reason) {
  for (auto& place : places_) place.cancellation_.cancel(reason);
}

}  // namespace culvert::proxy
