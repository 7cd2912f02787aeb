#include "admin/compression.hpp"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <gtest/gtest.h>

namespace culvert::admin {
namespace {

std::string inflate_text(const std::string& in) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 32), Z_OK);  // either format
  std::string out(1 << 20, '\0');
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

std::string unbrotli_text(const std::string& in) {
  std::string out(1 << 20, '\0');
  auto size = out.size();
  EXPECT_EQ(BrotliDecoderDecompress(in.size(), reinterpret_cast<const std::uint8_t*>(in.data()),
                                    &size, reinterpret_cast<std::uint8_t*>(out.data())),
            BROTLI_DECODER_RESULT_SUCCESS);
  out.resize(size);
  return out;
}

std::string unzstd_text(const std::string& in) {
  std::string out(1 << 20, '\0');
  const auto size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
  EXPECT_EQ(ZSTD_isError(size), 0U);
  out.resize(size);
  return out;
}

HttpReply long_reply() {
  HttpReply reply;
  for (int i = 0; i < 1000; ++i)
    reply.body += "istio_tcp_sent_bytes_total " + std::to_string(i) + "\n";
  return reply;
}

TEST(Compression, TheClientChooses) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"gzip", "gzip"},
                                                       {"deflate", "deflate"},
                                                       {"deflate, gzip", "gzip"},
                                                       {"br, zstd", "zstd"},
                                                       {"gzip, deflate, br", "br"},
                                                       {"zstd;q=0.5, br;q=0.8, gzip;q=0.7", "br"},
                                                       {"zstd;q=0.501, gzip;q=0.52", "gzip"},
                                                       {"*", "zstd"},
                                                       {"*;q=0.1, gzip", "gzip"},
                                                       {"*, zstd;q=0", "br"},
                                                       {"*;q=0", ""},
                                                       {"identity;q=1, gzip;q=0.5", ""},
                                                       {"identity, gzip", "gzip"},
                                                       {"GZip", "gzip"},
                                                       {"gzip;q=", ""},
                                                       {"gzip;q=x", ""},
                                                       {"gzip;q=0.5x", ""},
                                                       {"gzip;q=0.0001", ""},
                                                       {"gzip;level=9", ""},
                                                       {"gzip;q=0, deflate", "deflate"},
                                                       {"gzip;q=0.5", "gzip"},
                                                       {"gzip;q=0.000", ""},
                                                       {"gzip ; q=1", "gzip"},
                                                       {"identity", ""},
                                                       {"xgzip", ""},
                                                       {",,gzip", "gzip"}};
  for (const auto& [accept, coding] : cases) EXPECT_EQ(choose_encoding(accept), coding) << accept;
}

TEST(Compression, EveryFormatComesBackWhole) {
  const auto original = long_reply().body;
  const std::pair<std::string, std::string (*)(const std::string&)> formats[] = {
      {"gzip", inflate_text},
      {"deflate", inflate_text},
      {"br", unbrotli_text},
      {"zstd", unzstd_text}};
  for (const auto& [coding, restore] : formats) {
    auto reply = long_reply();
    compress(reply, coding);
    EXPECT_EQ(reply.content_encoding, coding);
    EXPECT_LT(reply.body.size(), original.size() / 4);
    EXPECT_EQ(restore(reply.body), original);
  }
}

TEST(Compression, ShortOrUnwantedStaysAsItIs) {
  HttpReply reply;
  reply.body = "ready\n";
  compress(reply, "gzip");
  EXPECT_EQ(reply.body, "ready\n");
  EXPECT_EQ(reply.content_encoding, "");
  reply = long_reply();
  compress(reply, "lzma");
  EXPECT_EQ(reply.content_encoding, "");
}

}  // namespace
}  // namespace culvert::admin
