// The local mesh file: any text gives a mesh that can be applied, or one error that says where.
#include "culvert/control/local.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const culvert::Bytes bytes(data, size);
  auto update = culvert::control::parse_local(culvert::as_text(bytes), "mesh.yaml");
  if (!update) {
    if (!update.error().detail.starts_with("mesh.yaml:")) std::abort();
    return 0;
  }
  culvert::state::Store store(culvert::state::LocalNode{});
  const std::size_t workloads = update->workloads.size();
  store.apply(*std::move(update));
  if (store.view().workload_count() != workloads) std::abort();
  return 0;
}
