// A pprof profile in the making: samples by address, the code they lie in, and its functions'
// names.
#pragma once

#include "proto/profile.pb.h"

#include "profile/code_map.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::profile {

// What a number means: {"cpu", "nanoseconds"}.
struct ValueType {
  std::string_view type;
  std::string_view unit;
};

class Document {
 public:
  // `types` are those of each sample's values.
  explicit Document(std::initializer_list<ValueType> types);

  void set_period(ValueType type, std::int64_t period);
  void set_duration(std::chrono::nanoseconds duration);
  // A stack, the innermost frame first; a thread's name or nothing.
  void add(std::span<const std::uintptr_t> stack, std::initializer_list<std::int64_t> values,
           const std::string& thread = {});
  // The serialized profile; the document is used up.
  std::string finish();

 private:
  std::int64_t text(std::string_view text);
  void set(format::ValueType& out, ValueType type);
  std::uint64_t location(std::uintptr_t address);
  std::uint64_t function(const std::string& symbol);

  format::Profile profile_;
  const CodeMap code_;
  std::map<std::string, std::int64_t, std::less<>> strings_;
  std::map<std::uintptr_t, std::uint64_t> locations_;
  std::map<std::string, std::uint64_t> functions_;
};

}  // namespace culvert::profile
