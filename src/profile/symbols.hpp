// The functions of an ELF file by address, so that a profile can be read where the file is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::profile {

class Symbols {
 public:
  // Out of the file's symbol table; a stripped one's dynamic table has only what is exported.
  // Nothing for what is no such file.
  explicit Symbols(const std::string& path);

  // Whether the file had its whole table.
  bool whole() const { return whole_; }
  // The name of the function that covers `address`, in the file's own terms; empty: none does.
  std::string find(std::uint64_t address) const;

 private:
  void read(std::string_view file);
  void add_table(std::string_view file, std::uint64_t offset, std::uint64_t size,
                 std::string_view names);

  struct Function {
    std::uint64_t start;
    std::uint64_t size;
    std::uint32_t name;  // where it begins in names_
  };
  std::vector<Function> functions_;  // by start
  std::string names_;                // each with its final zero
  bool whole_ = false;
};

}  // namespace culvert::profile
