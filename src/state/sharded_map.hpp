// A hash map of 64 small ones. A single table of 100,000 entries takes milliseconds to grow, and it
// would grow under the lock that new connections wait for; a shard grows in tens of microseconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

namespace culvert::state {

// Not thread-safe; pointers to values stay valid until the value is erased. find() takes whatever
// Hash and Equal take.
template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class ShardedMap {
 public:
  // The value of `key`, or null.
  template <class Sought>
  Value* find(const Sought& key) {
    auto& shard = shard_of(key);
    const auto found = shard.find(key);
    return found == shard.end() ? nullptr : &found->second;
  }
  template <class Sought>
  const Value* find(const Sought& key) const {
    return const_cast<ShardedMap*>(this)->find(key);
  }
  // The value of `key`, default-made when it was not there.
  Value& operator[](const Key& key) { return shard_of(key)[key]; }
  void erase(const Key& key) { shard_of(key).erase(key); }
  std::size_t size() const {
    std::size_t sum = 0;
    for (const auto& shard : shards_) sum += shard.size();
    return sum;
  }
  // Calls f(key, value) for each entry, in no particular order.
  template <class F>
  void for_each(F f) const {
    for (const auto& shard : shards_) {
      for (const auto& [key, value] : shard) f(key, value);
    }
  }

 private:
  using Shard = std::unordered_map<Key, Value, Hash, Equal>;
  template <class Sought>
  Shard& shard_of(const Sought& key) {
    // The top six bits of a Fibonacci hash: handles and pointers differ in their middle bits only.
    const std::uint64_t hash = Hash{}(key);
    return shards_[(hash * 0x9E3779B97F4A7C15ULL) >> 58];
  }
  std::array<Shard, 64> shards_;
};

}  // namespace culvert::state
