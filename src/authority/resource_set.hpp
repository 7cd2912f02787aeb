// One version of everything of one xDS type, ready to be sent: names, aliases, versions and
// encoded bodies. No protobuf here: bodies are opaque.
#pragma once

#include "culvert/base/result.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace culvert::authority {

// One resource. The version depends on the body alone, so it survives restarts and is the same on
// every control plane that reads the same file.
struct Resource {
  // Hashes `encoded` into the version.
  Resource(std::string resource_name, std::vector<std::string> other_names, std::string encoded);

  std::string name;                  // unique within its type
  std::vector<std::string> aliases;  // other keys that on-demand clients may ask with
  std::string body;
  std::string version;  // 14 hex digits of SHA-256: compared with versions of the same name only
};
using ResourcePtr = std::shared_ptr<const Resource>;

// Constant after make(); shared by all streams of a type.
class ResourceSet {
 public:
  // An empty set.
  ResourceSet() = default;
  ResourceSet(ResourceSet&&) = default;  // no copies: the indexes view into the resources
  ResourceSet& operator=(ResourceSet&&) = default;

  // Errc::invalid for an empty name or one that appears twice.
  static Result<ResourceSet> make(std::vector<Resource> resources);

  // The resource of that name, or null.
  ResourcePtr find(std::string_view name) const;
  // The resource of that name, else all that have `key` among their aliases, in order of name.
  std::vector<ResourcePtr> resolve(std::string_view key) const;
  std::size_t size() const { return by_name_.size(); }
  // Pairs (name, resource), in order of name.
  auto begin() const { return by_name_.begin(); }
  auto end() const { return by_name_.end(); }

 private:
  std::map<std::string_view, ResourcePtr> by_name_;  // keys view into the values
  std::unordered_map<std::string_view, std::vector<ResourcePtr>> by_alias_;
};

}  // namespace culvert::authority
