// What the tests of the subscriptions share: one to begin with, and a response's way through it.
#pragma once

#include "control/xds/server_responses.hpp"
#include "control/xds/subscriptions.hpp"

#include <utility>

namespace culvert::control::test {

inline XdsSubscriptions make_subscriptions() {
  XdsNode node;
  node.ip = "198.18.0.7";
  node.pod_name = "proxy-1";
  node.pod_namespace = "mesh";
  node.node_name = "node-1";
  node.metadata = {{"CLUSTER_ID", "c1"}};
  node.json_metadata = {{"LABELS", R"({"a":"b"})"}};
  auto made = XdsSubscriptions::make(node);
  return std::move(*made);
}

// Completes, applies (in thought) and answers, as the client does; the completed response.
inline XdsResponse take(XdsSubscriptions& subscriptions, Response response) {
  auto decoded = decode_response(response);
  subscriptions.complete(decoded);
  subscriptions.answer(decoded);
  return decoded;
}

}  // namespace culvert::control::test
