#include "culvert/metrics/registry.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace culvert::metrics {

void Registry::collected(FamilySpec spec, Collect collect) {
  auto entry = std::make_shared<const Entry>(Entry{std::move(spec), std::move(collect)});
  const std::lock_guard lock(mutex_);
  for (const auto& other : entries_) {
    if (other->spec.name != entry->spec.name) continue;
    // Two families of one name make the exposition invalid: a mistake in our own code.
    std::fprintf(stderr, "metric family %s is registered twice\n", entry->spec.name.c_str());
    std::abort();
  }
  entries_.push_back(std::move(entry));
}

Family<Counter>& Registry::counter(FamilySpec spec) {
  spec.type = FamilyType::counter;
  Family<Counter>* family = nullptr;
  {
    const std::lock_guard lock(mutex_);
    family = &counters_.emplace_back();
  }
  collected(std::move(spec), [family] { return family->samples(); });
  return *family;
}

Family<Gauge>& Registry::gauge(FamilySpec spec) {
  spec.type = FamilyType::gauge;
  Family<Gauge>* family = nullptr;
  {
    const std::lock_guard lock(mutex_);
    family = &gauges_.emplace_back();
  }
  collected(std::move(spec), [family] { return family->samples(); });
  return *family;
}

void Registry::for_each(
    const std::function<void(const FamilySpec&, std::span<const Sample>)>& visit) const {
  std::vector<std::shared_ptr<const Entry>> entries;
  {
    const std::lock_guard lock(mutex_);
    entries = entries_;
  }
  for (const auto& entry : entries) {
    const auto samples = entry->collect();
    if (!samples.empty()) visit(entry->spec, samples);
  }
}

}  // namespace culvert::metrics
