// Interned, immutable strings: a mesh of 100,000 workloads repeats a few hundred namespaces,
// trust domains, nodes and clusters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace culvert {

// One shared string of eight bytes' handle. Equal text is equal pointer, so comparing is free.
// Copying counts references (atomic); any thread may hold, copy and drop one.
class Name {
 public:
  // The empty name; holds nothing.
  Name() = default;
  // Interns `text`: takes a lock, so on set-up and per-connection paths only, never per byte.
  explicit Name(std::string_view text);
  // The name with that text if somebody holds one, else the empty name: what strangers ask for is
  // looked up without being kept. Takes a lock like the constructor.
  static Name find(std::string_view text);
  Name(const Name& other) noexcept;
  Name(Name&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Name& operator=(Name other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Name() { release(); }

  // The text; lives as long as any Name with it. NUL-terminated.
  std::string_view view() const;
  std::string str() const { return std::string(view()); }
  bool empty() const { return node_ == nullptr; }

  friend bool operator==(const Name& a, const Name& b) { return a.node_ == b.node_; }
  friend bool operator==(const Name& a, std::string_view b) { return a.view() == b; }
  // Orders by text, for stable output.
  friend bool operator<(const Name& a, const Name& b) { return a.view() < b.view(); }

  // Hash of the handle, not of the text.
  std::size_t hash() const { return std::hash<const void*>{}(node_); }

  struct Node;  // implementation detail of name.cpp

 private:
  void release() noexcept;
  Node* node_ = nullptr;
};

}  // namespace culvert

template <>
struct std::hash<culvert::Name> {
  std::size_t operator()(const culvert::Name& n) const noexcept { return n.hash(); }
};
