#include "admin/endpoints.hpp"

#include "culvert/base/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace culvert::admin {
namespace {

class Endpoints : public testing::Test {
 protected:
  Endpoints() {
    hooks.config_dump = [] { return std::string("{\n}\n"); };
    hooks.metrics = [](metrics::Exposition exposition) {
      return std::string(exposition == metrics::Exposition::open_metrics ? "open" : "text");
    };
    hooks.pending = [this] { return pending; };
    hooks.quit = [this] { ++quits; };
  }
  ~Endpoints() override { EXPECT_TRUE(log::set_filter("info").has_value()); }

  HttpReply logging(std::string query, std::string method = "POST") {
    return answer_admin({std::move(method), "/logging", std::move(query), "", "",
                         [] { return std::optional<std::uint32_t>(0); }},
                        hooks, "warn,start=error");
  }

  Hooks hooks;
  std::vector<std::string> pending;
  int quits = 0;
};

TEST_F(Endpoints, ReadinessSaysWhatIsMissing) {
  const HttpRequest get{"GET", "/healthz/ready", "", "", ""};
  EXPECT_EQ(answer_readiness(get, hooks).status, 200U);
  EXPECT_EQ(answer_readiness(get, hooks).body, "ready\n");
  EXPECT_EQ(answer_readiness(get, hooks).content_type, "text/plain");
  pending = {"proxy", "state manager"};
  EXPECT_EQ(answer_readiness(get, hooks).status, 500U);
  EXPECT_EQ(answer_readiness(get, hooks).body, "not ready, pending: proxy, state manager\n");
  EXPECT_EQ(answer_readiness({"POST", "/healthz/ready", "", "", ""}, hooks).status, 405U);
  EXPECT_EQ(answer_readiness({"GET", "/healthz", "", "", ""}, hooks).status, 404U);
}

TEST_F(Endpoints, MetricsAnswerAnyMethodInTheFormatAskedFor) {
  for (const char* path : {"/metrics", "/stats/prometheus"}) {
    auto reply = answer_stats({"GET", path, "", "", ""}, hooks);
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(reply.body, "text");
    reply = answer_stats(
        {"POST", path, "", "text/plain;q=0.5, application/openmetrics-text;version=1.0.0", ""},
        hooks);
    EXPECT_EQ(reply.content_type, "application/openmetrics-text;charset=utf-8;version=1.0.0");
    EXPECT_EQ(reply.body, "open");
  }
  EXPECT_EQ(answer_stats({"GET", "/", "", "", ""}, hooks).status, 404U);
}

TEST_F(Endpoints, AdminPaths) {
  const auto index = answer_admin({"GET", "/", "", "", ""}, hooks, "info");
  EXPECT_EQ(index.content_type, "text/html; charset=utf-8");
  EXPECT_NE(index.body.find("/config_dump"), std::string::npos);
  const auto dump = answer_admin({"GET", "/config_dump", "", "", ""}, hooks, "info");
  EXPECT_EQ(dump.content_type, "application/json");
  EXPECT_EQ(dump.body, "{\n}\n");
  const auto unknown = answer_admin({"GET", "/nothing", "", "", ""}, hooks, "info");
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_EQ(unknown.body, "");
}

TEST_F(Endpoints, OnlyPostQuits) {
  EXPECT_EQ(answer_admin({"GET", "/quitquitquit", "", "", ""}, hooks, "info").status, 405U);
  EXPECT_EQ(quits, 0);
  const auto reply =
      answer_admin({"POST", "/quitquitquit", "", "", "", [] { return std::optional(::geteuid()); }},
                   hooks, "info");
  EXPECT_EQ(reply.status, 200U);
  EXPECT_EQ(reply.body, "shutdown now\n");
  EXPECT_EQ(quits, 1);
}

TEST_F(Endpoints, OnlyTheOwnUserAndRootGiveOrders) {
  const auto asked = [this](const char* path, std::optional<std::uint32_t> user) {
    return answer_admin({"POST", path, "", "", "", [user] { return user; }}, hooks, "info").status;
  };
  ASSERT_TRUE(log::set_filter("info").has_value());
  for (const char* path : {"/quitquitquit", "/logging"}) {
    EXPECT_EQ(asked(path, ::geteuid() + 4711), 403U);
    EXPECT_EQ(asked(path, std::nullopt), 403U) << "nobody knows who";
    EXPECT_EQ(answer_admin({"POST", path, "", "", ""}, hooks, "info").status, 403U);
    EXPECT_EQ(quits, 0);
  }
  EXPECT_EQ(asked("/logging", 0), 200U);
}

TEST_F(Endpoints, LoggingShowsTheFilter) {
  ASSERT_TRUE(log::set_filter("info").has_value());
  EXPECT_EQ(logging("").body, "current log level is info\n");
  EXPECT_EQ(logging("level=").body, "current log level is info\n");
  EXPECT_EQ(logging("").status, 200U);
  const auto wrong = logging("", "GET");
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_NE(wrong.body.find("Usage:"), std::string::npos);
}

TEST_F(Endpoints, LoggingAddsToTheFilter) {
  ASSERT_TRUE(log::set_filter("info").has_value());
  EXPECT_EQ(logging("level=access=debug").body, "current log level is access=debug,info\n");
  EXPECT_EQ(logging("level=warn,dns=trace").body,
            "current log level is access=debug,dns=trace,warn\n");
}

TEST_F(Endpoints, LoggingResetsToTheStart) {
  ASSERT_TRUE(log::set_filter("trace,x=off").has_value());
  EXPECT_EQ(logging("reset").body, "current log level is start=error,warn\n");
  EXPECT_EQ(logging("level=info&reset").body, "current log level is start=error,info\n");
  EXPECT_EQ(logging("reset=no&level=start=debug").body, "current log level is start=debug,warn\n");
}

TEST_F(Endpoints, LoggingRefusesWhatItCannotReadAndChangesNothing) {
  ASSERT_TRUE(log::set_filter("info").has_value());
  for (const char* query :
       {"level=loud", "level=access:debug", "level=info,access", "level=a:b&reset"}) {
    const auto reply = logging(query);
    EXPECT_EQ(reply.status, 400U) << query;
    EXPECT_EQ(reply.body.rfind("Invalid level provided: ", 0), 0U) << reply.body;
    EXPECT_NE(reply.body.find("Usage:"), std::string::npos);
    EXPECT_EQ(log::filter(), "info");
  }
}

}  // namespace
}  // namespace culvert::admin
