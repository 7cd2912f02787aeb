// The frame buffer that sessions share, and the guard against its misuse.
#include "h2/memory.hpp"

#include "h2/peers.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

namespace culvert::h2::test {
namespace {

TEST(Memory, LendsItsBufferForFrameChunksOnly) {
  FrameBuffer buffer(65536);
  Memory memory(buffer);
  auto table = memory.table();
  auto* const self = table.mem_user_data;
  auto* const other = table.malloc(100000, self);
  EXPECT_FALSE(memory.lent(static_cast<std::uint8_t*>(other)));
  auto* const first = table.realloc(nullptr, Memory::kSmallestChunk, self);
  EXPECT_TRUE(memory.lent(static_cast<std::uint8_t*>(first)));
  // The same size again is the continuation of what is in the first.
  auto* const continuation = table.realloc(nullptr, Memory::kSmallestChunk, self);
  EXPECT_FALSE(memory.lent(static_cast<std::uint8_t*>(continuation)));
  // Larger: the first is being replaced.
  auto* const larger = table.realloc(nullptr, 65536, self);
  EXPECT_EQ(larger, first);
  table.free(first, self);
  EXPECT_EQ(memory.lent_chunks(), 1U);
  auto* const too_large = table.realloc(nullptr, 1U << 20, self);
  EXPECT_FALSE(memory.lent(static_cast<std::uint8_t*>(too_large)));
  std::memset(larger, 'x', 65536);
  auto* const moved = static_cast<std::uint8_t*>(table.realloc(larger, 70000, self));
  EXPECT_FALSE(memory.lent(moved));
  EXPECT_EQ(moved[65535], 'x');
  EXPECT_EQ(memory.lent_chunks(), 0U);
  for (void* pointer : {other, continuation, too_large, static_cast<void*>(moved)})
    table.free(pointer, self);
}

// Pages of [at, at + size) that are in memory.
std::size_t resident(void* at, std::size_t size) {
  std::vector<unsigned char> pages(size / 4096);
  EXPECT_EQ(::mincore(at, size, pages.data()), 0);
  return static_cast<std::size_t>(std::count_if(
      pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(ColdBlocks, CostNothingUntilTouched) {
  constexpr std::size_t kCount = 4096;
  ColdBlocks cold;
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < kCount; ++i) blocks.push_back(cold.take());
  const std::size_t size = kCount * ColdBlocks::kBlock;
  EXPECT_EQ(resident(blocks[0], size), 0U);
  std::memset(blocks[5], 'x', ColdBlocks::kBlock);
  EXPECT_EQ(resident(blocks[0], size), 1U);
  for (std::size_t i = 4; i < 7; ++i) cold.give(blocks[i]);
  EXPECT_EQ(resident(blocks[0], size), 1U) << "one block of the page is still in use";
  cold.give(blocks[7]);
  EXPECT_EQ(resident(blocks[0], size), 0U);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(cold.owns(cold.take()));
  EXPECT_FALSE(cold.owns(&cold));
}

TEST(ColdBlocks, EndsWithoutAnAbyss) {
  ColdBlocks cold;
  for (std::size_t i = 0; i < ColdBlocks::kRegion / ColdBlocks::kBlock; ++i)
    ASSERT_NE(cold.take(), nullptr);
  EXPECT_EQ(cold.take(), nullptr);
}

TEST(Memory, TablesOfHeaderCompressionAreCold) {
  FrameBuffer buffer;
  Memory memory(buffer);
  auto table = memory.table();
  auto* const self = table.mem_user_data;
  auto* const cold = table.malloc(ColdBlocks::kBlock, self);
  std::memset(cold, 'x', ColdBlocks::kBlock);
  auto* const grown = static_cast<char*>(table.realloc(cold, 2048, self));
  EXPECT_EQ(grown[ColdBlocks::kBlock - 1], 'x');
  EXPECT_EQ(table.malloc(ColdBlocks::kBlock, self), cold) << "it was given back";
  table.free(cold, self);
  table.free(grown, self);
}

// Many sessions with frames under way, in turns, all in one buffer.
TEST(Memory, SessionsInTurnDoNotMixTheirBytes) {
  FrameBuffer buffer;
  struct Pair {
    explicit Pair(FrameBuffer& frames)
        : client(Role::client, frames), server(Role::server, frames) {}
    Peer client;
    Peer server;
  };
  std::vector<std::unique_ptr<Pair>> pairs;
  for (int i = 0; i < 8; ++i) {
    pairs.push_back(std::make_unique<Pair>(buffer));
    const auto letter = static_cast<char>('a' + i);
    pairs.back()->client.connect(std::string(300000 + static_cast<std::size_t>(i), letter), true);
  }
  for (bool moved = true; std::exchange(moved, false);) {
    for (auto& pair : pairs) {
      const std::string up(as_text(pair->client.session.next()));
      pair->server.take(as_bytes(up));
      const std::string down(as_text(pair->server.session.next()));
      pair->client.take(as_bytes(down));
      moved = moved || !up.empty() || !down.empty();
    }
  }
  for (std::size_t i = 0; i < pairs.size(); ++i)
    EXPECT_TRUE(pairs[i]->server.streams.at(0)->received ==
                std::string(300000 + i, static_cast<char>('a' + i)));
}

// A session that is made while another one's bytes are still to be sent leaves them alone.
TEST(Memory, NewSessionsLeaveTheBufferAlone) {
  FrameBuffer buffer;
  Peer client(Role::client, buffer);
  client.drain();
  client.connect(std::string(60000, 'x'));
  const auto bytes = client.session.next();
  const std::string before(as_text(bytes));
  const Peer second(Role::client, buffer);
  const Peer third(Role::server, buffer);
  EXPECT_EQ(as_text(bytes), before);
}

TEST(Memory, SendFrameBeyondTheBufferStillWorks) {
  FrameBuffer buffer(16384);
  Peer client(Role::client, buffer);
  Peer server(Role::server, buffer);
  pump(client, server);
  client.connect(std::string(3U << 20, 'x'), true);
  pump(client, server);
  EXPECT_EQ(server.streams.at(0)->received_size, 3U << 20);
}

TEST(MemoryDeathTest, NestingInOneBufferAborts) {
  struct Nested final : Stream {
    Session* other = nullptr;
    Produced produce(MutableBytes) override {
      (void)other->next();
      return {};
    }
    void on_headers(int, std::span<const Header>) override {}
    void on_data(Bytes) override {}
    void on_end() override {}
    void on_close(ErrorCode) override {}
  };
  FrameBuffer buffer;
  Nested stream;
  Peer inner(Role::client, buffer);
  Peer outer(Role::client, buffer);
  stream.other = &inner.session;
  ASSERT_TRUE(outer.session.connect("a:1", {}, stream).has_value());
  EXPECT_DEATH(outer.drain(), "same FrameBuffer");
}

}  // namespace
}  // namespace culvert::h2::test
