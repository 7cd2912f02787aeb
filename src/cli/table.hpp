// Columns for people: as wide as their widest cell, two spaces apart.
#pragma once

#include <string>
#include <vector>

namespace culvert::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  // As many cells as the header has. An empty cell is shown as "-".
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace culvert::cli
