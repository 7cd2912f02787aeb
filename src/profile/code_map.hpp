// Which file an address of code belongs to, and which function of it.
#pragma once

#include "profile/symbols.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace culvert::profile {

// A segment of code in memory.
struct CodeMapping {
  std::uintptr_t start = 0;
  std::uintptr_t end = 0;
  std::uintptr_t bias = 0;   // address in memory less address in the file's own terms
  std::uint64_t offset = 0;  // of its first byte in the file
  std::string file;
  std::string build_id;  // hexadecimal; empty when the file has none
  std::shared_ptr<const Symbols> symbols;
};

// What is loaded when it is made.
class CodeMap {
 public:
  CodeMap();

  const std::vector<CodeMapping>& mappings() const { return mappings_; }
  struct Place {
    std::size_t mapping = 0;  // index of mappings()
    std::string symbol;       // empty: not known
  };
  std::optional<Place> find(std::uintptr_t address) const;

 private:
  std::vector<CodeMapping> mappings_;
};

}  // namespace culvert::profile
