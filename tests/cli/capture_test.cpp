// What the demo's wiretap makes of frames.
#include "cli/demo/capture.hpp"

#include <gtest/gtest.h>

#include <string>

namespace culvert::cli::demo {
namespace {

// An Ethernet frame with a TCP segment to `port` that carries `payload`.
std::string frame(bool v6, unsigned port, const std::string& payload) {
  std::string bytes(12, '\0');
  bytes += v6 ? std::string("\x86\xdd", 2) : std::string("\x08\x00", 2);
  std::string ip(v6 ? 40 : 20, '\0');
  ip[0] = v6 ? '\x60' : '\x45';
  ip[v6 ? 6 : 9] = 6;
  std::string tcp(20, '\0');
  tcp[2] = static_cast<char>(port >> 8);
  tcp[3] = static_cast<char>(port & 0xff);
  tcp[12] = '\x50';
  return bytes + ip + tcp + payload;
}

const Secrets kSecrets{"question", "reply"};

TEST(Capture, FindsTheSecretsOfBothDirections) {
  for (const bool v6 : {false, true}) {
    Sight sight;
    look_at(as_bytes(frame(v6, 8080, "GET / question")), kSecrets, sight);
    EXPECT_EQ(sight.readable_requests, 1U);
    EXPECT_EQ(sight.readable_answers, 0U);
    look_at(as_bytes(frame(v6, 8080, "200 reply")), kSecrets, sight);
    EXPECT_EQ(sight.readable_requests, 1U);
    EXPECT_EQ(sight.readable_answers, 1U);
    EXPECT_EQ(sight.tunnel_bytes, 0U);
  }
}

TEST(Capture, TellsTlsFromOtherBytesInTheTunnel) {
  for (const bool v6 : {false, true}) {
    Sight sight;
    look_at(as_bytes(frame(v6, 15008, std::string("\x17\x03\x03\x00\x01x", 6))), kSecrets, sight);
    look_at(as_bytes(frame(v6, 15008, "PRI * HTTP/2.0")), kSecrets, sight);
    look_at(as_bytes(frame(v6, 15008, "")), kSecrets, sight);
    EXPECT_EQ(sight.frames, 3U);
    EXPECT_EQ(sight.tls_records, 1U);
    EXPECT_EQ(sight.tunnel_bytes, 20U);
    EXPECT_EQ(sight.readable_requests, 0U);
    EXPECT_EQ(sight.readable_answers, 0U);
  }
}

TEST(Capture, SurvivesEveryTruncation) {
  const auto whole = frame(false, 15008, std::string("\x17\x03\x03\x00\x01x", 6));
  const auto six = frame(true, 15008, std::string("\x17\x03\x03\x00\x01x", 6));
  for (const auto& text : {whole, six})
    for (std::size_t length = 0; length < text.size(); ++length) {
      Sight sight;
      const std::string copy = text.substr(0, length);
      look_at(as_bytes(copy), kSecrets, sight);
      EXPECT_EQ(sight.frames, 1U);
    }
}

}  // namespace
}  // namespace culvert::cli::demo
