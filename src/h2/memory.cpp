#include "h2/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace culvert::h2 {

FrameBuffer::FrameBuffer(std::size_t max_send_frame)
    : size_(Memory::kHeadroom + std::max(Memory::kSmallestChunk, 9 + 1 + max_send_frame)) {
  bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(size_);
  cold_ = std::make_unique<ColdBlocks>();
}

FrameBuffer::~FrameBuffer() = default;

nghttp2_mem Memory::table() {
  nghttp2_mem table{};
  table.mem_user_data = this;
  table.malloc = [](std::size_t size, void* self) {
    return static_cast<Memory*>(self)->allocate(size);
  };
  table.calloc = [](std::size_t count, std::size_t size, void*) {
    return std::calloc(count, size);
  };
  table.realloc = [](void* old, std::size_t size, void* self) {
    return static_cast<Memory*>(self)->resize(old, size);
  };
  table.free = [](void* pointer, void* self) { static_cast<Memory*>(self)->release(pointer); };
  return table;
}

void* Memory::allocate(std::size_t size) {
  void* const block = size == ColdBlocks::kBlock ? cold().take() : nullptr;
  return block != nullptr ? block : std::malloc(size);
}

void* Memory::resize(void* old, std::size_t size) {
  const auto room = buffer_.size_ - kHeadroom;
  if (old == nullptr && size >= kSmallestChunk && size <= room && size > lent_size_) {
    ++lent_;
    lent_size_ = size;
    return frame();
  }
  const bool lent = old == frame();
  if (old == nullptr || (!lent && !cold().owns(old))) return std::realloc(old, size);
  auto* const own = std::malloc(size);  // nghttp2 resizes neither chunks nor tables today
  if (own == nullptr) return nullptr;
  std::memcpy(own, old, std::min(size, lent ? lent_size_ : ColdBlocks::kBlock));
  release(old);
  return own;
}

void Memory::release(void* pointer) {
  if (pointer == frame()) return take_back();
  if (cold().owns(pointer)) return cold().give(pointer);
  std::free(pointer);
}

void Memory::take_back() {
  if (--lent_ == 0) lent_size_ = 0;
}

Memory::Lock::Lock(Memory& memory) : buffer_(memory.buffer_) {
  if (buffer_.busy_) {
    std::fputs("h2: next() inside next() with the same FrameBuffer\n", stderr);
    std::abort();
  }
  buffer_.busy_ = true;
}

}  // namespace culvert::h2
