// The allocator of one nghttp2 session, which lends it the worker's FrameBuffer.
//
// Why: nghttp2 keeps a frame buffer of 16 KiB in every session and grows it, for good, to the
// largest DATA frame it was ever allowed (256 KiB here). It needs that memory only between packing
// a frame and the next call, so all sessions of a thread can use the same.
//
// How it is recognised: nghttp2 asks for frame chunks, and for nothing else of 16 KiB or more, with
// realloc(NULL, size) (nghttp2_buf.c in 1.52 to 1.64). Growing allocates the new chunk before it
// frees the old one, whose content is dead by then; a chunk of the same size while one is lent is
// the continuation of a long header block and gets memory of its own.
//
// Blocks of ColdBlocks::kBlock are the tables of header compression (nghttp2_hd.c in 1.52).
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/h2/session.hpp"
#include "h2/cold_blocks.hpp"

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>

namespace culvert::h2 {

class Memory {
 public:
  // Room in front of the frame for small frames that travel together: one TLS record's worth.
  static constexpr std::size_t kHeadroom = 16384;
  // nghttp2's first chunk: frame header, pad length, the default maximum frame size.
  static constexpr std::size_t kSmallestChunk = 9 + 1 + 16384;

  // `buffer` outlives this object, and this object the nghttp2 session.
  explicit Memory(FrameBuffer& buffer) : buffer_(buffer) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // The allocator as nghttp2 wants it; nghttp2 copies it.
  nghttp2_mem table();

  // The headroom: kHeadroom bytes that end where the lent chunk begins.
  MutableBytes headroom() const { return {buffer_.bytes_.get(), kHeadroom}; }
  // Whether `data` points into the lent chunk.
  bool lent(const std::uint8_t* data) const {
    return data >= frame() && data < buffer_.bytes_.get() + buffer_.size_;
  }
  // How many chunks are lent at the moment: 1 once the session exists.
  std::size_t lent_chunks() const { return lent_; }

  // Held by next() while it builds: aborts if another one is building in the same buffer.
  class Lock {
   public:
    explicit Lock(Memory& memory);
    ~Lock() { buffer_.busy_ = false; }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    FrameBuffer& buffer_;
  };

 private:
  ColdBlocks& cold() const { return *buffer_.cold_; }
  void* allocate(std::size_t size);
  std::uint8_t* frame() const { return buffer_.bytes_.get() + kHeadroom; }
  void* resize(void* old, std::size_t size);
  void release(void* pointer);
  void take_back();

  FrameBuffer& buffer_;
  std::size_t lent_ = 0;       // chunks that point at frame()
  std::size_t lent_size_ = 0;  // bytes of the newest of them
};

}  // namespace culvert::h2
