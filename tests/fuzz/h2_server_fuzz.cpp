// A server session against whatever bytes a client may send after the preface.
#include "h2_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  culvert::h2::fuzz::Owner owner(culvert::h2::Role::server);
  owner.run({data, size});
  return 0;
}
