#include "culvert/metrics/registry.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace culvert::metrics {

void Histogram::observe(double seconds) {
  std::size_t range = 0;
  while (range < kBounds.size() && seconds > kBounds[range]) ++range;
  counts_[range].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(seconds, std::memory_order_relaxed);
}

std::array<std::uint64_t, Histogram::kBounds.size() + 1> Histogram::cumulative() const {
  std::array<std::uint64_t, kBounds.size() + 1> all{};
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = before += counts_[i].load(std::memory_order_relaxed);
  return all;
}

void append_samples(std::vector<Sample>& out, const std::vector<std::string>& label_values,
                    const Histogram& histogram) {
  const auto counts = histogram.cumulative();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    out.push_back(
        {label_values, static_cast<double>(counts[i]), "_bucket", Histogram::kBoundWords[i]});
  }
  out.push_back({label_values, static_cast<double>(counts.back()), "_count", {}});
  out.push_back({label_values, histogram.sum(), "_sum", {}});
}

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

template <class Value>
Family<Value>& Registry::add(std::deque<Family<Value>>& families, FamilySpec spec) {
  Family<Value>* family = nullptr;
  {
    const std::lock_guard lock(mutex_);
    family = &families.emplace_back();
  }
  collected(std::move(spec), [family] { return family->samples(); });
  return *family;
}

Family<Counter>& Registry::counter(FamilySpec spec) {
  spec.type = FamilyType::counter;
  return add(counters_, std::move(spec));
}

Family<Gauge>& Registry::gauge(FamilySpec spec) {
  spec.type = FamilyType::gauge;
  return add(gauges_, std::move(spec));
}

Family<Histogram>& Registry::histogram(FamilySpec spec) {
  spec.type = FamilyType::histogram;
  return add(histograms_, std::move(spec));
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
