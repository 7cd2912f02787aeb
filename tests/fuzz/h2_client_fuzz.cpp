// A client session with one tunnel asked for, against whatever bytes a server may answer.
#include "h2_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  culvert::h2::fuzz::Owner owner(culvert::h2::Role::client);
  owner.connect();
  owner.run({data, size});
  return 0;
}
