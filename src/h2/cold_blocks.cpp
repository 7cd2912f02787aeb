#include "h2/cold_blocks.hpp"

#include <sys/mman.h>

namespace culvert::h2 {

namespace {
constexpr std::size_t kPage = 4096;  // that of every machine this is built for; else only less good
}

ColdBlocks::~ColdBlocks() {
  if (region_ != nullptr) ::munmap(region_, kRegion);
}

bool ColdBlocks::reserve() {
  void* const region = ::mmap(nullptr, kRegion, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return false;
  ::madvise(region, kRegion, MADV_NOHUGEPAGE);  // one write would touch 2 MiB
  region_ = static_cast<std::uint8_t*>(region);
  return true;
}

std::size_t ColdBlocks::page_of(const void* block) const {
  return static_cast<std::size_t>(static_cast<const std::uint8_t*>(block) - region_) / kPage;
}

void* ColdBlocks::take() {
  void* block = nullptr;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    if (region_ == nullptr && !reserve()) return nullptr;
    if (used_ == kRegion) return nullptr;
    block = region_ + used_;
    used_ += kBlock;
    in_use_.resize(used_ / kPage + 1);
  }
  ++in_use_[page_of(block)];
  return block;
}

void ColdBlocks::give(void* block) {
  const auto page = page_of(block);
  if (--in_use_[page] == 0) ::madvise(region_ + page * kPage, kPage, MADV_DONTNEED);
  free_.push_back(block);
}

}  // namespace culvert::h2
