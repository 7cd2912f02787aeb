// Reading JSON objects whose members may be missing or of another kind than expected.
#pragma once

#include "culvert/base/result.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace culvert::host {

using Json = nlohmann::json;

// Reads the members of one object; the first one that is wrong is remembered.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {
    if (!object.is_object()) complain("not an object");
  }
  std::string text(const char* key) {
    const auto* member = find(key);
    if (member == nullptr) return {};
    if (const auto* value = member->get_ptr<const std::string*>()) return *value;
    complain(std::string(key) + " is not a string");
    return {};
  }
  bool flag(const char* key, bool otherwise) {
    const auto* member = find(key);
    if (member == nullptr) return otherwise;
    if (const auto* value = member->get_ptr<const bool*>()) return *value;
    complain(std::string(key) + " is not true or false");
    return otherwise;
  }
  std::uint64_t number(const char* key) {
    const auto* member = find(key);
    if (member == nullptr) return 0;
    if (const auto* value = member->get_ptr<const Json::number_unsigned_t*>()) return *value;
    complain(std::string(key) + " is not a number");
    return 0;
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> all;
    for (const auto& element : list(key)) {
      if (const auto* value = element.get_ptr<const std::string*>())
        all.push_back(*value);
      else
        complain(std::string(key) + " is not a list of strings");
    }
    return all;
  }
  const Json& list(const char* key) {
    static const Json empty = Json::array();
    const auto* member = find(key);
    if (member == nullptr) return empty;
    if (member->is_array()) return *member;
    complain(std::string(key) + " is not a list");
    return empty;
  }
  const Json* find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  void complain(const std::string& what) {
    if (!problem_) problem_ = what;
  }
  Result<void> check() const {
    if (problem_) return fail(Errc::invalid, *problem_);
    return {};
  }

 private:
  const Json& object_;
  std::optional<std::string> problem_;
};

}  // namespace culvert::host
