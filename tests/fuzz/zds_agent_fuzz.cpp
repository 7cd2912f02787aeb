// What a daemon sends to the node agent: hello and acks.
#include "host/zds_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  static_cast<void>(culvert::host::decode_hello(packet));
  static_cast<void>(culvert::host::decode_ack(packet));
  return 0;
}
