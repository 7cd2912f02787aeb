// The document of GET /config_dump, in the shape that istioctl reads: sorted lists, two spaces of
// indentation, sorted keys. Written record by record, so that a mesh of 100,000 workloads costs its
// text once and not a tree of it.
#pragma once

#include "culvert/state/store.hpp"
#include "culvert/tls/certificate.hpp"

#include <optional>
#include <string>
#include <vector>

namespace culvert::admin {

// What this build is; every part may be empty.
struct BuildInfo {
  std::string version;
  std::string git_revision;
  std::string build_profile;
  std::string build_status;  // "Clean" or "Modified"
  std::string compiler;      // shown under the key `rustVersion`, which readers expect
  std::string istio_version;
  std::string crypto_provider;
};

// One identity in use on this node.
struct CertificateEntry {
  std::string identity;  // SPIFFE URI
  std::string state;     // "Initializing", "Available", "Unavailable: <why>"
  std::vector<tls::CertificateText> chain;
  std::vector<tls::CertificateText> roots;
};

// One live connection of a pod; addresses are "host:port".
struct ConnectionEntry {
  std::string src;
  std::optional<std::string> original_dst;  // null where the peer named none
  std::string actual_dst;
  std::string protocol;  // "HBONE" or "TCP"
};

// One pod that the node agent handed over.
struct PodEntry {
  std::string uid;
  std::string name;
  std::string namespace_;
  std::string service_account;
  bool up = false;  // false: its listeners could not be made yet
  std::vector<ConnectionEntry> inbound;
  std::vector<ConnectionEntry> outbound;
};

// Everything that a dump shows. Pointers may be null and must live for the call.
struct DumpInput {
  const state::Store* store = nullptr;
  const state::Update* local = nullptr;  // the local document, echoed as staticConfig
  std::vector<CertificateEntry> certificates;
  std::optional<std::vector<PodEntry>> pods;  // absent in dedicated mode
  std::string config = "{}";                  // the options as JSON text, indented by two spaces
  BuildInfo build;
};

// The whole document with a final newline. Any thread; takes the store's view only while it copies
// pointers.
std::string config_dump(const DumpInput& input);

}  // namespace culvert::admin
