// A pod's own resolv.conf: whatever is in it, at most three addresses come out.
#include "host/resolv_conf.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (culvert::host::parse_nameservers(text).size() > 3) std::abort();
  return 0;
}
