#include "admin/compression.hpp"

#include <zlib.h>

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
                                                       {"br, zstd", ""},
                                                       {"gzip;q=0, deflate", "deflate"},
                                                       {"gzip;q=0.5", "gzip"},
                                                       {"gzip;q=0.000", ""},
                                                       {"gzip ; q=1", "gzip"},
                                                       {"identity", ""},
                                                       {"xgzip", ""},
                                                       {",,gzip", "gzip"}};
  for (const auto& [accept, coding] : cases) EXPECT_EQ(choose_encoding(accept), coding) << accept;
}

TEST(Compression, BothFormatsComeBackWhole) {
  const auto original = long_reply().body;
  for (const std::string coding : {"gzip", "deflate"}) {
    auto reply = long_reply();
    compress(reply, coding);
    EXPECT_EQ(reply.content_encoding, coding);
    EXPECT_LT(reply.body.size(), original.size() / 4);
    EXPECT_EQ(inflate_text(reply.body), original);
  }
}

TEST(Compression, ShortOrUnwantedStaysAsItIs) {
  HttpReply reply;
  reply.body = "ready\n";
  compress(reply, "gzip");
  EXPECT_EQ(reply.body, "ready\n");
  EXPECT_EQ(reply.content_encoding, "");
  reply = long_reply();
  compress(reply, "br");
  EXPECT_EQ(reply.content_encoding, "");
}

}  // namespace
}  // namespace culvert::admin
