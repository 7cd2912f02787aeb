#include "h2/cold_blocks.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace culvert::h2 {

namespace {

// The kernel's own: giving back a part of a larger page would take its other blocks along.
std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

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
  return static_cast<std::size_t>(static_cast<const std::uint8_t*>(block) - region_) / page_size();
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
    in_use_.resize(used_ / page_size() + 1);
  }
  ++in_use_[page_of(block)];
  return block;
}

void ColdBlocks::give(void* block) {
  const auto page = page_of(block);
  if (--in_use_[page] == 0) ::madvise(region_ + page * page_size(), page_size(), MADV_DONTNEED);
  free_.push_back(block);
}

}  // namespace culvert::h2
