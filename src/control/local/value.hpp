// Reading one value of a YAML document with an error that names file, line and field. Parsing code
// throws Problem, which never leaves this module: parse_local() turns it into an Error.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/name.hpp"

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::control::local {

// The first thing that is wrong with the document.
struct Problem {
  int line;  // counted from 1
  std::string field;
  std::string message;
};

// Counts what was read: anchors and aliases could make a few lines mean billions of values.
class Budget {
 public:
  // For a document of that many bytes. Written out, a value is read about once for each of its
  // bytes at most (keys are looked at several times); four times that leaves room for aliases.
  explicit Budget(std::size_t document_size) : left_(10'000 + 4 * std::uint64_t{document_size}) {}
  // False when the document means too much.
  bool spend() { return left_-- > 0; }

 private:
  std::uint64_t left_;
};

// A text of the document and the enum value that it stands for.
template <class E>
using Choice = std::pair<std::string_view, E>;

// One node and its path, e.g. "workloads[0].services". Cheap to copy; the budget outlives it.
class Value {
 public:
  Value(const YAML::Node& node, std::string path, Budget& budget);

  [[noreturn]] void bad(std::string message) const;

  bool null() const { return node_.IsNull(); }
  bool is_map() const { return node_.IsMap(); }
  // Scalars. Each throws Problem when the node is something else.
  const std::string& text() const;
  Name name() const { return Name(text()); }
  // Text that is not empty.
  const std::string& filled_text() const;
  Name filled_name() const { return Name(filled_text()); }
  bool boolean() const;
  std::uint32_t number(std::uint32_t least, std::uint32_t most) const;
  std::uint16_t port(std::uint16_t least) const {
    return static_cast<std::uint16_t>(number(least, 65535));
  }
  IpAddress ip() const;
  IpPrefix prefix() const;
  // The tag as written, "!Exact"; empty without one.
  std::string tag() const;

  template <class E>
  E choice(std::initializer_list<Choice<E>> choices) const {
    std::string known;
    for (const auto& [word, value] : choices) {
      if (text() == word) return value;
      known += (known.empty() ? "" : ", ") + std::string(word);
    }
    bad("not one of " + known + ": " + text());
  }

  // The items of a list; null is an empty one.
  std::vector<Value> items() const;
  // Likewise, but null is an error: where a list restricts something, one that somebody has begun
  // to write must not count as none.
  std::vector<Value> restricting_items() const;
  // The entries of a map, keys without repetition, each key a Value of its own; null is empty.
  std::vector<std::pair<Value, Value>> entries() const;

  // Throws unless this is a map that has no other keys.
  void only(std::initializer_list<std::string_view> keys) const;
  // The field, or nothing when it is absent or null.
  std::optional<Value> find(std::string_view key) const;
  // Likewise, but a null field is there.
  std::optional<Value> find_written(std::string_view key) const;
  // The field, which must be there.
  Value required(std::string_view key) const;
  // The field's text, empty when absent.
  Name name_or_empty(std::string_view key) const;

 private:
  int line_of(std::string_view key) const;

  YAML::Node node_;
  int line_;  // counted from 1
  std::string path_;
  Budget* budget_;
};

}  // namespace culvert::control::local
