#include "authority/resource_set.hpp"

#include <openssl/sha.h>

#include <array>

namespace culvert::authority {
namespace {

constexpr std::size_t kVersionBytes = 7;  // 14 digits: fits a short string without an allocation

std::string content_hash(std::string_view body) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data());
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < kVersionBytes; ++i) {
    text.push_back(kHex[digest[i] >> 4]);
    text.push_back(kHex[digest[i] & 15]);
  }
  return text;
}

}  // namespace

Resource::Resource(std::string resource_name, std::vector<std::string> other_names,
                   std::string encoded)
    : name(std::move(resource_name)),
      aliases(std::move(other_names)),
      body(std::move(encoded)),
      version(content_hash(body)) {}

Result<ResourceSet> ResourceSet::make(std::vector<Resource> resources) {
  ResourceSet set;
  for (auto& resource : resources) {
    if (resource.name.empty()) return fail(Errc::invalid, "a resource without a name");
    const auto shared = std::make_shared<const Resource>(std::move(resource));
    if (!set.by_name_.emplace(shared->name, shared).second)
      return fail(Errc::invalid, "two resources are named '" + shared->name + "'");
  }
  for (const auto& [name, resource] : set.by_name_)
    for (const auto& alias : resource->aliases) set.by_alias_[alias].push_back(resource);
  return set;
}

ResourcePtr ResourceSet::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<ResourcePtr> ResourceSet::resolve(std::string_view key) const {
  if (auto resource = find(key)) return {std::move(resource)};
  const auto found = by_alias_.find(key);
  return found == by_alias_.end() ? std::vector<ResourcePtr>() : found->second;
}

}  // namespace culvert::authority
