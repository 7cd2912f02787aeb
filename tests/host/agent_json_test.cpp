#include "host/agent_json.hpp"

#include <gmock/gmock.h>

namespace culvert::host {
namespace {

using ::testing::HasSubstr;

const PodInfo kPod{"u-1", "web-0", "shop", "web"};

TEST(AgentJson, RequestsSurviveTheTrip) {
  EnrolRequest enrol;
  enrol.netns = {NetnsRef::Kind::pid, "12"};
  enrol.pod = kPod;
  enrol.redirect.dns = true;
  enrol.redirect.virtual_interfaces = {"tap0"};
  enrol.dns = DnsCapture::never;
  enrol.keep_pending = true;
  const auto decoded = decode_request(encode_request(enrol));
  ASSERT_TRUE(decoded) << decoded.error().detail;
  const auto& back = std::get<EnrolRequest>(*decoded);
  EXPECT_EQ(back.pod, enrol.pod);
  EXPECT_EQ(back.redirect, enrol.redirect);
  EXPECT_EQ(back.netns.kind, NetnsRef::Kind::pid);
  EXPECT_EQ(back.netns.value, "12");
  EXPECT_EQ(back.dns, DnsCapture::never);
  EXPECT_TRUE(back.keep_pending);
  EXPECT_FALSE(back.force);

  WithdrawRequest withdrawal;
  withdrawal.uid = "u-1";
  const auto again = decode_request(encode_request(withdrawal));
  ASSERT_TRUE(again);
  EXPECT_EQ(std::get<WithdrawRequest>(*again).uid, "u-1");
  EXPECT_FALSE(std::get<WithdrawRequest>(*again).netns);
  EXPECT_TRUE(std::holds_alternative<ListRequest>(*decode_request(encode_request(ListRequest{}))));
}

TEST(AgentJson, AnswersSurviveTheTrip) {
  const auto good = decode_outcome(encode_outcome(Outcome{"u", {"one", "two"}}));
  ASSERT_TRUE(good);
  EXPECT_THAT(good->steps, ::testing::ElementsAre("one", "two"));
  const auto bad = decode_outcome(encode_outcome(fail(Errc::io, "broken \xff pipe")));
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, HasSubstr("broken"));
  const Enrolment enrolment{kPod, {NetnsRef::Kind::name, "n"}, {3, 4}, {}};
  const auto statuses = decode_statuses(encode_statuses({{enrolment, true, true, ""}}));
  ASSERT_TRUE(statuses);
  ASSERT_EQ(statuses->size(), 1U);
  EXPECT_TRUE(statuses->front().up);
  EXPECT_TRUE(statuses->front().absent);
  EXPECT_EQ(statuses->front().enrolment.id, (NetnsId{3, 4}));
}

TEST(AgentJson, TablesSurviveTheTrip) {
  const Enrolment enrolment{kPod, {NetnsRef::Kind::path, "/x"}, {3, 4}, {}, "boot/7", true};
  auto second = enrolment;
  second.pod.uid = "u-2";
  second.incarnation = "boot/8";  // the number was given out again
  second.leaving = false;
  const auto table = decode_table(encode_table({enrolment, second}));
  ASSERT_TRUE(table) << table.error().detail;
  EXPECT_EQ(table->size(), 2U);
  EXPECT_EQ(table->at(0).pod, kPod);
  EXPECT_EQ(table->at(0).incarnation, "boot/7");
  EXPECT_TRUE(table->at(0).leaving);
  EXPECT_FALSE(table->at(1).leaving);
}

constexpr const char* kPodText =
    R"("pod":{"uid":"u","name":"n","namespace":"ns","serviceAccount":"sa"},
       "netns":{"kind":"path","value":"/x"},"device":3,"inode":4)";

// Written before it was kept whether DNS is wanted: those namespaces stay as they are.
TEST(AgentJson, OldTablesKeepTheirDns) {
  const auto table = [](const std::string& more) {
    return decode_table(R"({"version":1,"enrolments":[{)" + std::string(kPodText) + more + "}]}");
  };
  const auto without = table("");
  ASSERT_TRUE(without) << without.error().detail;
  EXPECT_FALSE(without->front().capture_dns);
  const auto with = table(R"(,"redirect":{"dns":true})");
  ASSERT_TRUE(with) << with.error().detail;
  EXPECT_TRUE(with->front().capture_dns);
  EXPECT_TRUE(with->front().redirect.dns);
  const auto lapsed = table(R"(,"captureDns":true,"redirect":{"dns":false})");
  ASSERT_TRUE(lapsed) << lapsed.error().detail;
  EXPECT_TRUE(lapsed->front().capture_dns);
  EXPECT_EQ(decode_table(encode_table(*lapsed))->front().capture_dns, true);
}

// An older culvertctl says --dns or nothing.
TEST(AgentJson, OldRequestsMeanTheirDns) {
  const auto request = [](const std::string& more) {
    return decode_request(R"({"op":"enroll",)" + std::string(kPodText) + more + "}");
  };
  const auto dns = [&](const std::string& more) {
    const auto decoded = request(more);
    EXPECT_TRUE(decoded) << more;
    return std::get<EnrolRequest>(*decoded).dns;
  };
  EXPECT_EQ(dns(""), DnsCapture::when_served);
  EXPECT_EQ(dns(R"(,"redirect":{"dns":false})"), DnsCapture::when_served);
  EXPECT_EQ(dns(R"(,"redirect":{"dns":true})"), DnsCapture::demanded);
  EXPECT_EQ(dns(R"(,"redirect":{"dns":true},"dns":"when-served")"), DnsCapture::when_served);
  const auto wrong = request(R"(,"dns":"sometimes")");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().detail, HasSubstr("dns is none of"));
}

TEST(AgentJson, OneNamespaceHasOneIdentity) {
  const Enrolment enrolment{kPod, {NetnsRef::Kind::path, "/x"}, {3, 4}, {}, "boot/7"};
  auto other = enrolment;
  other.pod.uid = "u-2";
  EXPECT_THAT(decode_table(encode_table({enrolment, other})).error().detail,
              HasSubstr("enrolments[1]: pod u-2 and pod u-1 have the same namespace"));
  other = enrolment;
  other.id = {3, 5};
  EXPECT_THAT(decode_table(encode_table({enrolment, other})).error().detail,
              HasSubstr("enrolments[1]: uid u-1"));
}

struct Bad {
  const char* text;
  const char* says;
};

class AgentJsonBad : public ::testing::TestWithParam<Bad> {};

TEST_P(AgentJsonBad, IsRefusedWithTheField) {
  const auto decoded = decode_request(GetParam().text);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Errc::invalid);
  EXPECT_THAT(decoded.error().detail, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Requests, AgentJsonBad,
    ::testing::Values(
        Bad{"", "not JSON"}, Bad{"[]", "not an object"}, Bad{"7", "not an object"},
        Bad{R"({"op":"dance"})", "op"}, Bad{R"({"op":3})", "op is not a string"},
        Bad{R"({"op":"enroll"})", "namespace/name/service-account"},
        Bad{R"({"op":"enroll","pod":5})", "pod: not an object"},
        Bad{R"({"op":"enroll","pod":{"name":"a/b","namespace":"n","serviceAccount":"s"}})",
            "letters"},
        Bad{R"({"op":"enroll","pod":{"name":"a","namespace":"n","serviceAccount":"s"}})", "kind"},
        Bad{R"({"op":"enroll","force":1})", "force is not true or false"},
        Bad{R"({"op":"withdraw","netns":{"kind":"x"}})", "kind"}));

TEST(AgentJson, DamagedTablesNameTheEntry) {
  EXPECT_THAT(decode_table(R"({"version":2})").error().detail, HasSubstr("version"));
  EXPECT_THAT(decode_table(R"({"version":1,"enrolments":[{"inode":"x"}]})").error().detail,
              HasSubstr("enrolments[0]: inode"));
}

}  // namespace
}  // namespace culvert::host
