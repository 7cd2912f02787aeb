// Counters, gauges and histograms other than the traffic families: families with labels, and
// families whose samples are collected by a callback at scrape time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace culvert::metrics {

// A number that only grows. Any thread.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A number that goes up and down. Any thread.
class Gauge {
 public:
  void add(std::int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void sub(std::int64_t n = 1) { value_.fetch_sub(n, std::memory_order_relaxed); }
  void set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// How long something took, in seconds, as counts of ranges. Any thread.
class Histogram {
 public:
  // Upper bounds of the ranges; one without a bound follows. Those of the one family that the
  // reference has.
  static constexpr std::array kBounds = {0.0005, 0.001, 0.01, 0.1, 1.0, 5.0};
  // As the label `le` says them, with the last one.
  static constexpr std::array<std::string_view, kBounds.size() + 1> kBoundWords = {
      "0.0005", "0.001", "0.01", "0.1", "1.0", "5.0", "+Inf"};

  void observe(double seconds);
  // Observations up to bound `i`; for kBounds.size() all of them.
  std::array<std::uint64_t, kBounds.size() + 1> cumulative() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<double> sum_{0};
};

enum class FamilyType : std::uint8_t { counter, gauge, histogram };

// What a family is called and what its samples mean.
struct FamilySpec {
  std::string name;  // without "_total"; ends in "_" + unit where there is a unit
  std::string help;  // as shown: with its final full stop, where there is one
  FamilyType type = FamilyType::counter;
  std::vector<std::string> label_names{};
  std::string unit{};
};

// One sample at the time of a scrape.
struct Sample {
  std::vector<std::string> label_values;  // as many as the family has label names
  double value = 0;
  std::string_view suffix{};       // of a histogram: "_bucket", "_sum", "_count"
  std::string_view upper_bound{};  // of a bucket: the label `le`
};

// Appends what a histogram shows: its buckets, sum and count.
void append_samples(std::vector<Sample>& out, const std::vector<std::string>& label_values,
                    const Histogram& histogram);

// The samples of one kind, by label values. Any thread.
template <class Value>
class Family {
 public:
  // The sample with these label values, made when it is new; lives as long as the family. Takes a
  // lock: keep the reference where it matters. An empty value is shown as it is.
  Value& with(std::initializer_list<std::string_view> label_values) {
    std::vector<std::string> key(label_values.begin(), label_values.end());
    const std::lock_guard lock(mutex_);
    return values_[std::move(key)];
  }
  // All samples, in the order of their label values.
  std::vector<Sample> samples() const {
    const std::lock_guard lock(mutex_);
    std::vector<Sample> all;
    all.reserve(values_.size());
    for (const auto& [key, value] : values_) {
      if constexpr (std::is_same_v<Value, Histogram>) {
        append_samples(all, key, value);
      } else {
        all.push_back({key, static_cast<double>(value.value())});
      }
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::vector<std::string>, Value> values_;  // guarded by mutex_; nodes never move
};

// The families of the process. Registering and rendering may happen on any thread.
class Registry {
 public:
  using Collect = std::function<std::vector<Sample>()>;

  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Adds a family; it lives as long as the registry. A name must be registered once only.
  Family<Counter>& counter(FamilySpec spec);
  Family<Gauge>& gauge(FamilySpec spec);
  Family<Histogram>& histogram(FamilySpec spec);
  // Adds a family whose samples `collect` makes at every scrape, on the scraping thread.
  void collected(FamilySpec spec, Collect collect);

  // Calls `visit(spec, samples)` for every family that has samples, in order of registration.
  void for_each(const std::function<void(const FamilySpec&, std::span<const Sample>)>& visit) const;

 private:
  struct Entry {
    FamilySpec spec;
    Collect collect;
  };
  template <class Value>
  Family<Value>& add(std::deque<Family<Value>>& families, FamilySpec spec);

  mutable std::mutex mutex_;
  std::deque<Family<Counter>> counters_;  // guarded by mutex_ (growing; elements lock themselves)
  std::deque<Family<Gauge>> gauges_;      // likewise
  std::deque<Family<Histogram>> histograms_;
  std::vector<std::shared_ptr<const Entry>> entries_;  // guarded by mutex_
};

}  // namespace culvert::metrics
