// One version of the mesh file in the forms that are served: what xDS sends and whom the CA signs
// for. Replaced as a whole, so streams and the CA never see half a change.
#pragma once

#include "authority/resource_set.hpp"
#include "authority/roster.hpp"
#include "culvert/state/store.hpp"

#include <memory>
#include <string_view>

namespace culvert::authority {

// The two types that node proxies subscribe to.
constexpr std::string_view kAddressType = "type.googleapis.com/istio.workload.Address";
constexpr std::string_view kAuthorizationType = "type.googleapis.com/istio.security.Authorization";

// Constant after make_snapshot(); shared.
struct Snapshot {
  std::shared_ptr<const ResourceSet> addresses;       // workloads by uid, services by ns/hostname
  std::shared_ptr<const ResourceSet> authorizations;  // policies by resource name
  Roster roster;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// Encodes the mesh. Fills in what clients would otherwise fill in differently: an empty trust
// domain becomes `trust_domain`, an empty service account "default", an empty uid
// "<cluster>//Pod/<namespace>/<name>". Errc::invalid when two things get one name, or a workload
// has neither uid nor name.
Result<SnapshotPtr> make_snapshot(const state::Update& mesh, std::string_view trust_domain);

}  // namespace culvert::authority
