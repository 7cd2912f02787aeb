#include "control/local/value.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace culvert::control::local {

namespace {

// What a wrong value is called in an error: enough to find it, not a page of it.
std::string shown(const std::string& text) {
  constexpr std::size_t kMost = 80;
  std::string line = text.substr(0, kMost);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text.size() > kMost ? line + "..." : line;
}

}  // namespace

Value::Value(const YAML::Node& node, std::string path, Budget& budget)
    : node_(node), line_(node_.Mark().line + 1), path_(std::move(path)), budget_(&budget) {
  if (!budget.spend()) bad("too many values: does an alias repeat itself?");
}

void Value::bad(std::string message) const { throw Problem{line_, path_, std::move(message)}; }

const std::string& Value::text() const {
  if (!node_.IsScalar()) bad("must be a single value");
  return node_.Scalar();
}

const std::string& Value::filled_text() const {
  if (text().empty()) bad("must not be empty");
  return text();
}

bool Value::boolean() const { return choice<bool>({{"true", true}, {"false", false}}); }

std::uint32_t Value::number(std::uint32_t least, std::uint32_t most) const {
  const std::string& digits = text();
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < least ||
      value > most) {
    bad("not a number from " + std::to_string(least) + " to " + std::to_string(most) + ": " +
        shown(digits));
  }
  return value;
}

IpAddress Value::ip() const {
  const auto address = IpAddress::parse(text());
  if (!address) bad("not an IP address: " + shown(text()));
  return *address;
}

IpPrefix Value::prefix() const {
  const auto block = IpPrefix::parse(text());
  if (!block) bad("not a CIDR block: " + shown(text()));
  return *block;
}

std::string Value::tag() const {
  const std::string& tag = node_.Tag();
  return tag == "?" || tag == "!" ? std::string() : tag;
}

std::vector<Value> Value::items() const {
  std::vector<Value> list;
  if (null()) return list;
  if (!node_.IsSequence()) bad("must be a list");
  list.reserve(node_.size());
  for (const YAML::Node& item : node_)
    list.emplace_back(item, path_ + "[" + std::to_string(list.size()) + "]", *budget_);
  return list;
}

std::vector<Value> Value::restricting_items() const {
  if (null()) bad("must be a list");
  return items();
}

std::vector<std::pair<Value, Value>> Value::entries() const {
  std::vector<std::pair<Value, Value>> list;
  if (null()) return list;
  if (!node_.IsMap()) bad("must be a map");
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const std::string prefix = path_.empty() ? "" : path_ + ".";
    const Value key(entry.first, path_, *budget_);
    if (!seen.insert(key.text()).second) key.bad("given twice: " + shown(key.text()));
    const std::string field = prefix + shown(key.text());
    list.emplace_back(Value(entry.first, field, *budget_), Value(entry.second, field, *budget_));
  }
  return list;
}

void Value::only(std::initializer_list<std::string_view> keys) const {
  if (!node_.IsMap()) bad("must be a map");
  for (const auto& [key, value] : entries()) {
    if (std::find(keys.begin(), keys.end(), key.text()) == keys.end()) key.bad("unknown field");
  }
}

std::optional<Value> Value::find(std::string_view key) const {
  auto field = find_written(key);
  return field && !field->null() ? std::move(field) : std::nullopt;
}

std::optional<Value> Value::find_written(std::string_view key) const {
  const YAML::Node& node = node_;  // const: looking up must not insert
  YAML::Node field = node[std::string(key)];
  if (!field.IsDefined()) return std::nullopt;
  const bool empty = field.IsNull();
  Value found(field, (path_.empty() ? "" : path_ + ".") + std::string(key), *budget_);
  if (empty) found.line_ = line_of(key);
  return found;
}

// The mark of a field without a value is that of whatever comes next.
int Value::line_of(std::string_view key) const {
  for (const auto& entry : node_) {
    if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.first.Mark().line + 1;
  }
  return line_;
}

Value Value::required(std::string_view key) const {
  if (auto field = find(key)) return *std::move(field);
  throw Problem{line_, (path_.empty() ? "" : path_ + ".") + std::string(key), "required"};
}

Name Value::name_or_empty(std::string_view key) const {
  const auto field = find(key);
  return field ? field->name() : Name();
}

}  // namespace culvert::control::local
