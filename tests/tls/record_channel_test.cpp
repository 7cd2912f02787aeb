// Our own record layer among good records: those of RFC 8448, in any pieces, with padding, tickets
// and key updates between them.
#include "tls/record_channel.hpp"

#include "tls/rfc8448_channel.hpp"

#include <gtest/gtest.h>

namespace culvert::tls {
namespace {

// The records of RFC 8448 section 3.
constexpr std::string_view kTicketRecord =
    "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db"
    "289a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3"
    "d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca47584"
    "0025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952"
    "ca49fe5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";
constexpr std::string_view kClientData =
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a2044"
    "1e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
constexpr std::string_view kServerData =
    "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a"
    "59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
constexpr std::string_view kClientClose = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
constexpr std::string_view kServerClose = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

TEST(KeySchedule, DerivesTheKeysOfRfc8448) {
  const auto secret = unhex(kServerSecret);
  ByteVector key(16);
  ByteVector iv(12);
  ASSERT_TRUE(expand_label(Suite::aes128_gcm_sha256, secret, "key", key));
  ASSERT_TRUE(expand_label(Suite::aes128_gcm_sha256, secret, "iv", iv));
  EXPECT_EQ(key, unhex("9f02283b6c9c07efc26bb9f2ac92e356"));
  EXPECT_EQ(iv, unhex("cf782b88dd83549aadf1e984"));
}

class Rfc8448Test : public ::testing::TestWithParam<AeadBackend> {
 protected:
  void SetUp() override {
    if (!aead_available(GetParam())) GTEST_SKIP() << "back end is not in this build";
  }
};

TEST_P(Rfc8448Test, ClientMakesAndReadsTheRecords) {
  const auto client = rfc_channel(true, GetParam());
  EXPECT_EQ(sealed(*client, fifty_bytes()), unhex(kClientData));
  const auto read = read_all(
      *client, unhex(kTicketRecord) + unhex(kServerData) + unhex(kServerClose) + ByteVector{1, 2});
  EXPECT_EQ(read.plaintext, fifty_bytes());
  EXPECT_TRUE(read.closed);
  EXPECT_EQ(read.left, 0u);
  ByteVector out(Channel::kMaxControl);
  out.resize(client->close(out));
  EXPECT_EQ(out, unhex(kClientClose));
}

TEST_P(Rfc8448Test, ServerReadsTheRecords) {
  const auto server = rfc_channel(false, GetParam());
  const auto read = read_all(*server, unhex(kClientData) + unhex(kClientClose));
  EXPECT_EQ(read.plaintext, fifty_bytes());
  EXPECT_TRUE(read.closed);
}

INSTANTIATE_TEST_SUITE_P(Backends, Rfc8448Test,
                         ::testing::Values(AeadBackend::evp, AeadBackend::ipsec_mb));

TEST(RecordChannel, WaitsForTheLastByteOfARecord) {
  const auto server = rfc_channel(false);
  auto record = unhex(kClientData);
  ByteVector room(Channel::kMinPlaintextRoom);
  for (std::size_t n = 0; n < record.size(); ++n) {
    const auto opened = server->open(MutableBytes(record).first(n), room);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->consumed, 0u);
  }
  EXPECT_EQ(server->open(record, room)->produced, 50u);
}

TEST(RecordChannel, StopsWhereRoomEndsAndLosesNothing) {
  const auto server = rfc_channel(false);
  const auto client = rfc_channel(true);
  ByteVector plaintext(100'000);
  for (std::size_t i = 0; i < plaintext.size(); ++i)
    plaintext[i] = static_cast<std::uint8_t>(i * 7);
  const auto ciphertext = sealed(*client, plaintext);
  EXPECT_EQ(ciphertext.size(), plaintext.size() + 7 * 22);
  EXPECT_EQ(read_all(*server, ciphertext).plaintext, plaintext);
  ByteVector small(100);
  auto more = sealed(*client, plaintext);
  EXPECT_EQ(server->open(more, small)->consumed, 0u);
  EXPECT_EQ(read_all(*server, more).plaintext, plaintext);
}

TEST(RecordChannel, RefusesASmallOutput) {
  const auto client = rfc_channel(true);
  ByteVector out(100);
  EXPECT_EQ(client->seal(fifty_bytes(), out).error().code, Errc::limit);
}

TEST(RecordChannel, TakesPadding) {
  const auto client = rfc_channel(true);
  const auto text = fifty_bytes();
  const auto read =
      read_all(*client, server_record(0, text, 23, 1) + server_record(1, text, 23, 900) +
                            server_record(2, {}, 23, 300) + server_record(3, text, 23, 16384 - 50));
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.plaintext, text + text + text);
}

TEST(RecordChannel, SkipsTicketsInAnyPieces) {
  const auto client = rfc_channel(true);
  ByteVector ticket{4, 0, 0, 30};
  ticket.resize(34, 9);
  const ByteVector empty_ticket{4, 0, 0, 0};
  const Bytes all(ticket);
  const auto read = read_all(
      *client, server_record(0, ticket + empty_ticket + ticket, 22) +
                   server_record(1, all.first(2), 22) + server_record(2, all.subspan(2, 3), 22) +
                   server_record(3, all.subspan(5), 22) + server_record(4, fifty_bytes(), 23));
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.plaintext, fifty_bytes());
  const auto server = rfc_channel(false);
  EXPECT_NE(read_all(*server, record(kClientSecret, 0, ticket, 22)).error, "");
}

TEST(RecordChannel, UpdatesItsKeyBeforeTheLimit) {
  const auto state = [](bool client) {
    return RecordChannel::initial(Suite::aes128_gcm_sha256, client, unhex(kClientSecret),
                                  unhex(kServerSecret));
  };
  const auto client = *RecordChannel::create(state(true), 3);
  const auto server = *RecordChannel::create(state(false));
  const auto text = fifty_bytes();
  for (int i = 0; i < 10; ++i) {
    const auto read = read_all(*server, sealed(*client, text));
    ASSERT_EQ(read.error, "");
    ASSERT_EQ(read.plaintext, text);
    EXPECT_LE(client->state().write.sequence, 3u);
    EXPECT_FALSE(server->has_control());
  }
  EXPECT_NE(client->state().write.secret.bytes, state(true).write.secret.bytes);
  EXPECT_EQ(client->state().write.secret.bytes, server->state().read.secret.bytes);
}

TEST(RecordChannel, CarriesOnFromItsExportedState) {
  const auto client = rfc_channel(true);
  auto server = rfc_channel(false);
  const auto text = fifty_bytes();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(read_all(*server, sealed(*client, text)).plaintext, text);
    EXPECT_EQ(read_all(*client, sealed(*server, text)).plaintext, text);
    server = *RecordChannel::create(server->state());
  }
}

}  // namespace
}  // namespace culvert::tls
