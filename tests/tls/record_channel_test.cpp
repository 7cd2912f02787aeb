#include "tls/record_channel.hpp"

#include "tls/hex.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace culvert::tls {
namespace {

// RFC 8448 section 3 (AES-128-GCM, SHA-256): traffic secrets and the records under them.
constexpr std::string_view kClientSecret =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
constexpr std::string_view kServerSecret =
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
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

using ByteVector = std::vector<std::uint8_t>;

std::unique_ptr<RecordChannel> rfc_channel(bool client, AeadBackend backend = AeadBackend::evp) {
  return *RecordChannel::create(RecordChannel::initial(Suite::aes128_gcm_sha256, client,
                                                       unhex(kClientSecret), unhex(kServerSecret)),
                                RecordChannel::kRecordsPerKey, backend);
}

ByteVector fifty_bytes() {
  ByteVector bytes(50);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

ByteVector sealed(Channel& channel, Bytes plaintext) {
  ByteVector out(Channel::sealed_size(plaintext.size()));
  const auto written = channel.seal(plaintext, out);
  EXPECT_TRUE(written.has_value()) << written.error().detail;
  out.resize(written ? *written : 0);
  return out;
}

// Everything that `channel` makes of `ciphertext`, the loop of a caller.
struct Read {
  ByteVector plaintext;
  bool closed = false;
  std::size_t left = 0;
  std::string error;
};
Read read_all(Channel& channel, ByteVector ciphertext) {
  Read read;
  ByteVector room(Channel::kMinPlaintextRoom);
  std::size_t at = 0;
  for (;;) {
    const auto opened = channel.open(MutableBytes(ciphertext).subspan(at), room);
    if (!opened) {
      read.error = opened.error().detail;
      break;
    }
    read.plaintext.insert(read.plaintext.end(), room.begin(),
                          room.begin() + static_cast<std::ptrdiff_t>(opened->produced));
    read.closed = read.closed || opened->closed;
    at += opened->consumed;
    if (opened->consumed == 0 || at == ciphertext.size()) break;
  }
  read.left = ciphertext.size() - at;
  return read;
}

// One record of chosen inner content, as the peer with `secret` and `sequence` would make it.
ByteVector record(std::string_view secret, std::uint64_t sequence, Bytes content, std::uint8_t type,
                  std::size_t padding = 0) {
  TrafficKey key;
  Aead::Nonce nonce;
  const auto bytes = unhex(secret);
  expand_label(Suite::aes128_gcm_sha256, bytes, "key", key.first(16));
  expand_label(Suite::aes128_gcm_sha256, bytes, "iv", nonce);
  for (std::size_t i = 0; i < 8; ++i)
    nonce[11 - i] ^= static_cast<std::uint8_t>(sequence >> (8 * i));
  ByteVector inner(content.begin(), content.end());
  inner.push_back(type);
  inner.resize(inner.size() + padding, 0);
  const std::size_t length = inner.size() + Aead::kTag;
  ByteVector out{23, 3, 3, static_cast<std::uint8_t>(length >> 8),
                 static_cast<std::uint8_t>(length)};
  const ByteVector header = out;
  out.resize(5 + length);
  const auto aead = make_aead(AeadBackend::evp, key.first(16));
  (*aead)->seal(nonce, header, Bytes(inner).first(inner.size() - 1), inner.back(), out.data() + 5);
  return out;
}
ByteVector server_record(std::uint64_t sequence, Bytes content, std::uint8_t type,
                         std::size_t padding = 0) {
  return record(kServerSecret, sequence, content, type, padding);
}

ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

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

struct BadCase {
  const char* name;
  ByteVector input;
  Alert alert;
  const char* error;
};

ByteVector tampered() {
  auto record = server_record(0, fifty_bytes(), 23);
  record[20] ^= 1;
  return record;
}

std::vector<BadCase> bad_cases() {
  const ByteVector fin{20, 0, 0, 1, 0};
  const ByteVector update{24, 0, 0, 1, 0};
  const ByteVector half{24, 0};
  return {
      {"Tampered", tampered(), Alert::bad_record_mac, "authenticate"},
      {"Replayed", server_record(1, fifty_bytes(), 23), Alert::bad_record_mac, "authenticate"},
      {"HttpRequest", {'G', 'E', 'T', ' ', '/'}, Alert::unexpected_message, "unprotected"},
      {"PlainAlert", {21, 3, 3, 0, 2, 2, 40}, Alert::unexpected_message, "unprotected"},
      {"ChangeCipherSpec", {20, 3, 3, 0, 1, 1}, Alert::unexpected_message, "unprotected"},
      {"TooLong", {23, 3, 3, 0x40, 0x12}, Alert::record_overflow, "too long"},
      {"TooShort", {23, 3, 3, 0, 16}, Alert::bad_record_mac, "too short"},
      {"NoContentType", server_record(0, {}, 0, 10), Alert::unexpected_message, "content type"},
      {"UnknownType", server_record(0, fin, 24), Alert::unexpected_message, "unknown content"},
      {"EmptyHandshake", server_record(0, {}, 22), Alert::unexpected_message, "empty"},
      {"Finished", server_record(0, fin, 22), Alert::unexpected_message, "no place"},
      {"LongKeyUpdate", server_record(0, ByteVector{24, 0, 0, 2, 0, 0}, 22), Alert::decode_error,
       "wrong size"},
      {"OddKeyUpdate", server_record(0, ByteVector{24, 0, 0, 1, 2}, 22), Alert::illegal_parameter,
       "unknown request"},
      {"DataBehindKeyUpdate", server_record(0, update + half, 22), Alert::unexpected_message,
       "behind"},
      {"DataInsideMessage", server_record(0, half, 22) + server_record(1, fifty_bytes(), 23),
       Alert::unexpected_message, "inside"},
      {"AlertInsideMessage", server_record(0, half, 22) + server_record(1, ByteVector{1, 0}, 21),
       Alert::unexpected_message, "inside"},
      {"LongAlert", server_record(0, ByteVector{1, 0, 0}, 21), Alert::decode_error, "alert"},
      {"HugeTicket", server_record(0, ByteVector{4, 255, 0, 0}, 22), Alert::decode_error, "ticket"},
  };
}

class BadRecordTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadRecordTest, FailsWithTheAlert) {
  const auto client = rfc_channel(true);
  const auto server = rfc_channel(false);
  const auto read = read_all(*client, GetParam().input);
  EXPECT_NE(read.error.find(GetParam().error), std::string::npos) << read.error;
  EXPECT_TRUE(client->has_control());
  ByteVector unused(500);
  EXPECT_EQ(client->seal(fifty_bytes(), unused).error().code, Errc::closed);
  const auto answer = read_all(*server, sealed(*client, {}));
  EXPECT_EQ(answer.error, "peer sent alert " +
                              std::string(alert_name(static_cast<std::uint8_t>(GetParam().alert))));
  EXPECT_FALSE(server->has_control());  // an alert is not answered
  EXPECT_FALSE(client->has_control());
  ByteVector room(Channel::kMinPlaintextRoom);
  auto good = server_record(0, fifty_bytes(), 23);
  EXPECT_TRUE(client->open(good, room).has_error());  // final
}

INSTANTIATE_TEST_SUITE_P(RecordChannel, BadRecordTest, ::testing::ValuesIn(bad_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(RecordChannel, DeliversWhatCameBeforeAFault) {
  const auto client = rfc_channel(true);
  const auto read =
      read_all(*client, server_record(0, fifty_bytes(), 23) + ByteVector{99, 3, 3, 0, 20, 1});
  EXPECT_EQ(read.plaintext, fifty_bytes());
  EXPECT_NE(read.error, "");
}

TEST(RecordChannel, ReportsFatalAlertsAndIgnoresUserCanceled) {
  const auto client = rfc_channel(true);
  const auto read = read_all(
      *client, server_record(0, ByteVector{1, 90}, 21) + server_record(1, ByteVector{1, 42}, 21));
  EXPECT_EQ(read.error, "peer sent alert bad_certificate (42)");
  ByteVector unused(500);
  EXPECT_EQ(client->seal(fifty_bytes(), unused).error().code, Errc::closed);
}

TEST(RecordChannel, BoundsRecordsWithoutData) {
  const auto client = rfc_channel(true);
  ByteVector flood;
  for (std::uint64_t i = 0; i <= RecordChannel::kMaxIdleRecords; ++i)
    flood = flood + server_record(i, {}, 23);
  EXPECT_NE(read_all(*client, flood).error.find("without data"), std::string::npos);

  const auto patient = rfc_channel(true);
  ByteVector mixed;
  for (std::uint64_t i = 0; i < 3 * RecordChannel::kMaxIdleRecords; ++i)
    mixed = mixed + (i % 2 == 0 ? server_record(i, {}, 23) : server_record(i, fifty_bytes(), 23));
  EXPECT_EQ(read_all(*patient, mixed).error, "");
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

TEST(RecordChannel, RefusesToWrapTheSequenceNumber) {
  auto state = rfc_channel(true)->state();
  state.read.sequence = ~std::uint64_t{0};
  const auto client = *RecordChannel::create(state);
  EXPECT_NE(read_all(*client, server_record(~std::uint64_t{0}, fifty_bytes(), 23)).error, "");
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

TEST(RecordChannel, SendsAnAlertOfTheCallersChoice) {
  const auto client = rfc_channel(true);
  const auto server = rfc_channel(false);
  ByteVector out(Channel::kMaxControl);
  out.resize(server->alert(Alert::certificate_revoked, out));
  EXPECT_EQ(read_all(*client, out).error, "peer sent alert certificate_revoked (44)");
  ByteVector room(Channel::kMinPlaintextRoom);
  ByteVector late = sealed(*rfc_channel(true), fifty_bytes());
  EXPECT_TRUE(server->open(late, room)->closed);
  EXPECT_EQ(server->close(out), 0u);
}

}  // namespace
}  // namespace culvert::tls
