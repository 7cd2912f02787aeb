// A resolver's answer to a look-up of the daemon's own. The first byte chooses the type that was
// asked for.
#include "culvert/dns/lookup.hpp"

#include <cstdlib>
#include <set>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert;
  if (size == 0) return 0;
  const bool v6 = (data[0] & 1) != 0;
  const auto found =
      dns::read_addresses(Bytes(data + 1, size - 1), v6 ? dns::kTypeAaaa : dns::kTypeA);
  if (!found) {
    if (found.error().detail.empty()) std::abort();
    return 0;
  }
  for (const auto& ip : found->addresses)
    if (ip.is_v6() && !v6) std::abort();
  const std::set<IpAddress> once(found->addresses.begin(), found->addresses.end());
  if (once.size() != found->addresses.size()) std::abort();
  if (found->good_for < std::chrono::seconds(0) || found->good_for > std::chrono::hours(24))
    std::abort();
  return 0;
}
