// What arrives on the node agent's control socket. What is accepted survives the trip back.
#include "host/agent_json.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto request = culvert::host::decode_request(text);
  if (request && !culvert::host::decode_request(culvert::host::encode_request(*request)))
    std::abort();
  static_cast<void>(culvert::host::decode_outcome(text));
  static_cast<void>(culvert::host::decode_statuses(text));
  static_cast<void>(culvert::host::decode_table(text));
  return 0;
}
