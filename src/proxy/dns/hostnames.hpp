// Addresses of workloads that the mesh knows by hostname only, looked up when somebody connects to
// one (behaviour of the reference: on-demand DNS), and remembered as long as DNS allows.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include "culvert/base/name.hpp"
#include "culvert/net/cancellation.hpp"
#include "culvert/net/one_shot.hpp"
#include "culvert/proxy/resolvers.hpp"
#include "proxy/dns/hostname_search.hpp"

namespace culvert::proxy {

// One worker's, for all its pods: whose name it is does not depend on who asks. Worker thread only.
class Hostnames {
 public:
  // Names that are remembered; a mesh has few of them.
  static constexpr std::size_t kMost = 4096;
  // A failure, and an answer that may not be kept, are kept at least this long: a crowd that
  // connects to a name that does not work asks once a second.
  static constexpr Duration kAtLeast = std::chrono::seconds(1);

  Hostnames(net::Worker& worker, const NodeResolvers& resolvers, bool ipv6)
      : worker_(worker), resolvers_(resolvers), ipv6_(ipv6) {}
  Hostnames(const Hostnames&) = delete;
  Hostnames& operator=(const Hostnames&) = delete;

  // An address of `hostname` for a connection of `pod`: a random one of those of the family of
  // `wanted`, where there are none, of the others. All who ask at once wait for one look-up, at
  // most HostnameSearch::kLongest. Errc::unavailable: there is none, and why. The reason of
  // `cancellation`, which outlives the wait, when that comes first.
  net::Async<Result<IpAddress>> resolve(PodProxy& pod, Name hostname, IpAddress wanted,
                                        net::Cancellation& cancellation);

 private:
  using Answer = net::OneShot<Result<void>>;
  struct Running {
    std::shared_ptr<HostnameSearch> search;
    std::vector<Answer*> waiting;  // in the frames of resolve()
  };
  struct Known {
    Resolved what;
    TimePoint until;
  };
  // Among those who wait for a look-up, for as long as it lives; the last one to leave ends it.
  class Waiter;

  const Resolved* known(const Name& hostname);
  void on_done(const Name& hostname, Resolved what);
  void make_room();
  Result<IpAddress> choose(const Name& hostname, const Resolved& from, const IpAddress& wanted);

  net::Worker& worker_;
  const NodeResolvers& resolvers_;
  const bool ipv6_;
  std::unordered_map<Name, Running> running_;
  std::unordered_map<Name, Known> known_;
};

}  // namespace culvert::proxy
