// Our own record layer when something is wrong: which records it refuses with which alert, what it
// still delivers, and what it does not do itself.
#include "tls/record_channel.hpp"

#include "tls/rfc8448_channel.hpp"

#include <gtest/gtest.h>

namespace culvert::tls {
namespace {

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

TEST(RecordChannel, RefusesToWrapTheSequenceNumber) {
  auto state = rfc_channel(true)->state();
  state.read.sequence = ~std::uint64_t{0};
  const auto client = *RecordChannel::create(state);
  EXPECT_NE(read_all(*client, server_record(~std::uint64_t{0}, fifty_bytes(), 23)).error, "");
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
