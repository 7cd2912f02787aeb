#include "h2/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace culvert::h2 {

FrameBuffer::FrameBuffer(std::size_t max_send_frame)
    : size_(Memory::kHeadroom + std::max(Memory::kSmallestChunk, 9 + 1 + max_send_frame)) {
  bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(size_);
}

FrameBuffer::~FrameBuffer() = default;

nghttp2_mem Memory::table() {
  nghttp2_mem table{};
  table.mem_user_data = this;
  table.malloc = [](std::size_t size, void*) { return std::malloc(size); };
  table.calloc = [](std::size_t count, std::size_t size, void*) {
    return std::calloc(count, size);
  };
  table.realloc = [](void* old, std::size_t size, void* self) {
    return static_cast<Memory*>(self)->resize(old, size);
  };
  table.free = [](void* pointer, void* self) { static_cast<Memory*>(self)->release(pointer); };
  return table;
}

void* Memory::resize(void* old, std::size_t size) {
  const auto room = buffer_.size_ - kHeadroom;
  if (old == nullptr && size >= kSmallestChunk && size <= room && size > lent_size_) {
    ++lent_;
    lent_size_ = size;
    return frame();
  }
  if (old == nullptr || old != frame()) return std::realloc(old, size);
  auto* const own = std::malloc(size);  // nghttp2 does not resize chunks today
  if (own == nullptr) return nullptr;
  std::memcpy(own, frame(), std::min(size, lent_size_));
  take_back();
  return own;
}

void Memory::release(void* pointer) {
  if (pointer == frame()) return take_back();
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
