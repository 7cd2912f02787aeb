#include "metrics/exposition.hpp"

#include <cstdlib>

namespace culvert::metrics::test {

namespace {

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':';
}

std::string take_name(std::string_view& line) {
  std::size_t n = 0;
  while (n < line.size() && name_char(line[n])) ++n;
  std::string name(line.substr(0, n));
  line.remove_prefix(n);
  return name;
}

// Reads `"..."` with its escapes; nothing when it is malformed.
std::optional<std::string> take_quoted(std::string_view& line) {
  if (!line.starts_with('"')) return std::nullopt;
  std::string text;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"') {
      line.remove_prefix(i + 1);
      return text;
    }
    if (line[i] != '\\') {
      text += line[i];
      continue;
    }
    if (++i >= line.size()) return std::nullopt;
    if (line[i] == 'n')
      text += '\n';
    else if (line[i] == '\\' || line[i] == '"')
      text += line[i];
    else
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<ParsedSample> parse_sample(std::string_view line) {
  ParsedSample sample;
  sample.name = take_name(line);
  if (sample.name.empty()) return std::nullopt;
  if (line.starts_with('{')) {
    do {
      line.remove_prefix(1);
      auto key = take_name(line);
      if (key.empty() || !line.starts_with('=')) return std::nullopt;
      line.remove_prefix(1);
      auto value = take_quoted(line);
      if (!value) return std::nullopt;
      sample.labels.emplace_back(std::move(key), std::move(*value));
    } while (line.starts_with(','));
    if (!line.starts_with('}')) return std::nullopt;
    line.remove_prefix(1);
  }
  if (!line.starts_with(' ')) return std::nullopt;
  const std::string number(line.substr(1));
  char* end = nullptr;
  sample.value = std::strtod(number.c_str(), &end);
  if (number.empty() || *end != '\0') return std::nullopt;
  return sample;
}

class Parser {
 public:
  Exposition run(std::string_view text) {
    bool ended = false;
    while (!text.empty() && result_.error.empty()) {
      const auto newline = text.find('\n');
      if (newline == std::string_view::npos) return failed("no newline at the end");
      const auto line = text.substr(0, newline);
      text.remove_prefix(newline + 1);
      if (ended) return failed("text behind # EOF");
      if (line == "# EOF")
        ended = true;
      else if (line.starts_with("# "))
        metadata(line.substr(2));
      else
        sample(line);
    }
    if (result_.error.empty() && !ended) return failed("no # EOF");
    for (const auto& [name, family] : result_.families) {
      if (result_.error.empty() && family.samples.empty()) return failed("empty family " + name);
    }
    return std::move(result_);
  }

 private:
  Exposition failed(std::string why) {
    result_.error = std::move(why);
    return std::move(result_);
  }

  void metadata(std::string_view line) {
    const auto kind = take_name(line);
    if (!line.starts_with(' ')) return error("metadata", line);
    line.remove_prefix(1);
    const auto name = take_name(line);
    if (name.empty() || !line.starts_with(' ')) return error("metadata name", line);
    line.remove_prefix(1);
    if (name != family_) {
      if (result_.families.contains(name)) return error("family twice", name);
      family_ = name;
    }
    auto& family = result_.families[name];
    auto& field = kind == "TYPE" ? family.type : kind == "HELP" ? family.help : family.unit;
    if ((kind != "TYPE" && kind != "HELP" && kind != "UNIT") || !field.empty() ||
        !family.samples.empty())
      return error("metadata kind", line);
    field = line;
    if (kind == "UNIT" && !name.ends_with("_" + field)) error("unit", line);
  }

  void sample(std::string_view line) {
    auto parsed = parse_sample(line);
    if (!parsed) return error("sample", line);
    auto& family = result_.families[family_];
    if (!belongs(parsed->name, family.type)) return error("sample of another family", line);
    const auto series = line.substr(0, line.rfind(' '));
    if (!series_.insert(std::string(series)).second) return error("series twice", line);
    family.samples.push_back(std::move(*parsed));
  }

  bool belongs(const std::string& name, const std::string& type) const {
    if (type == "counter") return name == family_ + "_total";
    if (type != "histogram") return name == family_;
    return name == family_ + "_bucket" || name == family_ + "_sum" || name == family_ + "_count";
  }

  void error(std::string_view what, std::string_view where) {
    if (result_.error.empty()) result_.error = std::string(what) + ": " + std::string(where);
  }

  Exposition result_;
  std::string family_;
  std::set<std::string> series_;
};

}  // namespace

Exposition parse_exposition(std::string_view text) { return Parser().run(text); }

}  // namespace culvert::metrics::test
