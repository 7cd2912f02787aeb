// A pod's resolv.conf: the pod writes it.
#include "culvert/dns/exchange.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert;
  const auto resolvers = dns::Resolvers::parse(as_text(Bytes(data, size)));
  if (resolvers.servers.size() > 16 || resolvers.search.size() > 16) std::abort();
  if (resolvers.ndots > 15) std::abort();
  for (const auto& domain : resolvers.search) {
    if (domain.empty() || domain.find_first_of(" \t\n") != std::string::npos) std::abort();
  }
  return 0;
}
