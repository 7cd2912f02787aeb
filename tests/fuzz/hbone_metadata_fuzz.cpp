// The metadata headers of a CONNECT request, as a peer may send them.
#include "culvert/hbone/metadata.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert;
  const auto text = as_text(Bytes(data, size));
  const auto baggage = hbone::parse_baggage(text);
  for (const auto* part :
       {&baggage.cluster, &baggage.namespace_, &baggage.workload_name, &baggage.service_name,
        &baggage.service_version, &baggage.region, &baggage.zone}) {
    if (part->size() > 256 || part->find(',') != std::string::npos) std::abort();
  }
  const auto host = hbone::forwarded_host(text);
  if (host.size() > size) std::abort();
  if (hbone::is_traceparent(text) && size != 55) std::abort();
  return 0;
}
