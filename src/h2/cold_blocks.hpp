// Memory for blocks that are asked for and as a rule never touched.
//
// Why: nghttp2 1.52 gives every session two tables of 1 KiB for header compression, one of them
// unused by us (we encode without a table), the other by peers that do the same. An ordinary
// allocator packs them between memory in use, so that they cost what they measure. Pages of their
// own cost nothing until one is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace culvert::h2 {

// One thread. Blocks must all be given back before it dies.
class ColdBlocks {
 public:
  static constexpr std::size_t kBlock = 1024;
  // Address space set aside, bytes: enough for the tunnels of 32,768 peers a worker.
  static constexpr std::size_t kRegion = 64U << 20;

  ColdBlocks() = default;
  ~ColdBlocks();
  ColdBlocks(const ColdBlocks&) = delete;
  ColdBlocks& operator=(const ColdBlocks&) = delete;

  // kBlock bytes of any content, or null when there are none left.
  void* take();
  bool owns(const void* block) const {
    const auto* const at = static_cast<const std::uint8_t*>(block);
    return at >= region_ && at < region_ + used_;
  }
  // `block` is from take(). The page goes back to the kernel with its last block.
  void give(void* block);

 private:
  bool reserve();
  std::size_t page_of(const void* block) const;

  std::uint8_t* region_ = nullptr;
  std::size_t used_ = 0;              // bytes of the region that were ever handed out
  std::vector<void*> free_;           // those that came back
  std::vector<std::uint8_t> in_use_;  // blocks in use, for each page
};

}  // namespace culvert::h2
