// Short ways to write down the resources and requests of a delta session.
#pragma once

#include "authority/delta_session.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace culvert::authority::test {

using Set = std::shared_ptr<const ResourceSet>;

struct Given {
  std::string name;
  std::string body;
  std::vector<std::string> aliases = {};
};

inline Set set_of(const std::vector<Given>& given) {
  std::vector<Resource> resources;
  for (const auto& one : given) resources.emplace_back(one.name, one.aliases, one.body);
  return std::make_shared<const ResourceSet>(*ResourceSet::make(std::move(resources)));
}

inline std::string version_of(const std::string& body) { return Resource("x", {}, body).version; }

inline std::vector<std::string> names(const DeltaResponse& response) {
  std::vector<std::string> out;
  for (const auto& resource : response.resources) out.push_back(resource->name);
  return out;
}

inline DeltaRequest request() { return {}; }
inline DeltaRequest subscribe(std::vector<std::string> names) {
  DeltaRequest request;
  request.subscribe = std::move(names);
  return request;
}
inline DeltaRequest answer(const std::string& nonce, std::optional<std::string> rejection = {}) {
  DeltaRequest request;
  request.nonce = nonce;
  request.rejection = std::move(rejection);
  return request;
}

}  // namespace culvert::authority::test
