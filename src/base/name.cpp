#include "culvert/base/name.hpp"

#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_set>

namespace culvert {

struct Name::Node {
  std::atomic<std::size_t> references;
  std::string text;
};

namespace {

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
  std::size_t operator()(const Name::Node* node) const {
    return (*this)(std::string_view(node->text));
  }
};
struct Equal {
  using is_transparent = void;
  static std::string_view text(std::string_view t) { return t; }
  static std::string_view text(const Name::Node* n) { return n->text; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return text(a) == text(b);
  }
};

// Sixteen shards, so that two workers rarely meet at one lock.
struct Shard {
  std::mutex mutex;
  std::unordered_set<Name::Node*, Hash, Equal> nodes;  // guarded by mutex
};

Shard& shard_of(std::string_view text) {
  static auto* shards = new Shard[16];  // never destroyed: Names may outlive static destruction
  return shards[std::hash<std::string_view>{}(text) & 15];
}

}  // namespace

Name::Name(std::string_view text) {
  if (text.empty()) return;
  Shard& shard = shard_of(text);
  const std::lock_guard lock(shard.mutex);
  if (const auto found = shard.nodes.find(text); found != shard.nodes.end()) {
    (*found)->references.fetch_add(1, std::memory_order_relaxed);
    node_ = *found;
    return;
  }
  node_ = new Node{{1}, std::string(text)};
  shard.nodes.insert(node_);
}

Name Name::find(std::string_view text) {
  Name name;
  if (text.empty()) return name;
  Shard& shard = shard_of(text);
  const std::lock_guard lock(shard.mutex);
  if (const auto found = shard.nodes.find(text); found != shard.nodes.end()) {
    (*found)->references.fetch_add(1, std::memory_order_relaxed);
    name.node_ = *found;
  }
  return name;
}

Name::Name(const Name& other) noexcept : node_(other.node_) {
  if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
}

std::string_view Name::view() const {
  return node_ == nullptr ? std::string_view("") : std::string_view(node_->text);
}

void Name::release() noexcept {
  if (node_ == nullptr) return;
  // Not the last one: no lock. The decrement to zero happens only under the shard's lock, so that
  // nobody can find a node that is about to go.
  auto count = node_->references.load(std::memory_order_relaxed);
  while (count > 1) {
    if (node_->references.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel))
      return;
  }
  Shard& shard = shard_of(node_->text);
  const std::lock_guard lock(shard.mutex);
  if (node_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  shard.nodes.erase(node_);
  delete node_;
}

}  // namespace culvert
