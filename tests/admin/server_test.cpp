// The servers over real sockets on loopback, with a client that speaks bytes.
#include "culvert/admin/server.hpp"

#include "culvert/base/address.hpp"
#include "culvert/base/unique_fd.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace culvert::admin {
namespace {

UniqueFd dial(const char* ip, std::uint16_t port) {
  sockaddr_storage native{};
  const SocketAddress address{*IpAddress::parse(ip), port};
  const auto length = address.to_native(native);
  UniqueFd fd(::socket(native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), length) != 0) fd.reset();
  return fd;
}

void send_text(const UniqueFd& fd, std::string_view text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

// Everything until the server closes.
std::string read_all(const UniqueFd& fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const auto n = ::recv(fd.get(), buffer, sizeof(buffer), 0);
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

// Until `end` has come.
std::string read_until(const UniqueFd& fd, std::string_view end) {
  std::string text;
  char c = 0;
  while (text.find(end) == std::string::npos && ::recv(fd.get(), &c, 1, 0) == 1) text += c;
  return text;
}

std::string get(std::uint16_t port, const std::string& target, const std::string& method = "GET") {
  const auto fd = dial("127.0.0.1", port);
  send_text(fd, method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  return read_all(fd);
}

std::string body(const std::string& reply) { return reply.substr(reply.find("\r\n\r\n") + 4); }

class ServerTest : public testing::Test {
 protected:
  ServerTest() { start(); }

  void start() {
    Hooks hooks;
    hooks.config_dump = [this] { return dump; };
    hooks.metrics = [](metrics::Exposition) { return std::string("# EOF\n"); };
    hooks.pending = [] { return std::vector<std::string>{"proxy"}; };
    hooks.quit = [this] { ++quits; };
    hooks.profiles.record_cpu = [](std::chrono::milliseconds, int, const std::stop_token& stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return Result<std::string>("what there is");
    };
    ServerOptions options;
    options.admin_port = options.stats_port = options.readiness_port = 0;
    auto started = Server::start(options, std::move(hooks));
    ASSERT_TRUE(started.has_value()) << started.error().detail;
    server = std::move(*started);
  }

  std::string dump = "{}\n";
  std::atomic<int> quits{0};
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, ThreePortsThreeAnswers) {
  EXPECT_EQ(body(get(server->admin_port(), "/config_dump")), "{}\n");
  EXPECT_EQ(body(get(server->stats_port(), "/metrics")), "# EOF\n");
  const auto readiness = get(server->readiness_port(), "/healthz/ready");
  EXPECT_EQ(readiness.rfind("HTTP/1.1 500 ", 0), 0U) << readiness;
  EXPECT_EQ(body(readiness), "not ready, pending: proxy\n");
  EXPECT_EQ(get(server->admin_port(), "/metrics").rfind("HTTP/1.1 404 ", 0), 0U);
  EXPECT_EQ(body(get(server->admin_port(), "/quitquitquit", "POST")), "shutdown now\n");
  EXPECT_EQ(quits, 1);
}

TEST_F(ServerTest, AProfileHoldsUpNobodyAndEndsWithTheServer) {
  const auto profile = dial("127.0.0.1", server->admin_port());
  send_text(profile, "GET /debug/pprof/profile HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body(get(server->admin_port(), "/config_dump")), "{}\n");
  while (get(server->admin_port(), "/debug/pprof/profile?seconds=1").find("taken already") ==
         std::string::npos) {
  }
  server->stop();
  EXPECT_EQ(body(read_all(profile)), "what there is");
}

TEST_F(ServerTest, AdminIsOnBothLoopbacksAndNowhereElse) {
  const auto v6 = dial("::1", server->admin_port());
  ASSERT_TRUE(v6);
  send_text(v6, "GET /config_dump HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(body(read_all(v6)), "{}\n");
  EXPECT_FALSE(dial("127.0.0.2", server->admin_port()));  // loopback, but not the address bound
  EXPECT_TRUE(dial("127.0.0.2", server->stats_port()));   // bound to all
}

TEST_F(ServerTest, ConnectionsAreKept) {
  const auto fd = dial("127.0.0.1", server->stats_port());
  for (int i = 0; i < 3; ++i) {
    send_text(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(read_until(fd, "# EOF\n").find("200 OK"), std::string::npos);
  }
}

TEST_F(ServerTest, OneByteAtATime) {
  const auto fd = dial("127.0.0.1", server->stats_port());
  for (const char c : std::string("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    send_text(fd, std::string(1, c));
  EXPECT_EQ(body(read_all(fd)), "# EOF\n");
}

TEST_F(ServerTest, AHalfClosedClientIsAnswered) {
  const auto fd = dial("127.0.0.1", server->stats_port());
  send_text(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(::shutdown(fd.get(), SHUT_WR), 0);
  EXPECT_EQ(body(read_all(fd)), "# EOF\n");
}

TEST_F(ServerTest, HeadGetsNoBody) {
  const auto reply = get(server->stats_port(), "/metrics", "HEAD");
  EXPECT_NE(reply.find("Content-Length: 6\r\n"), std::string::npos) << reply;
  EXPECT_EQ(body(reply), "");
}

TEST_F(ServerTest, ABodyIsSwallowed) {
  const auto fd = dial("127.0.0.1", server->admin_port());
  send_text(
      fd, "POST /logging HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(body(read_all(fd)), "current log level is info\n");
}

TEST_F(ServerTest, JunkAndOversizedHeadsEndTheConnection) {
  auto fd = dial("127.0.0.1", server->stats_port());
  send_text(fd, "\x16\x03\x01 not http at all\r\n\r\n");
  EXPECT_EQ(read_all(fd).rfind("HTTP/1.1 400 ", 0), 0U);
  fd = dial("127.0.0.1", server->stats_port());
  send_text(fd, "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n");
  const auto reply = read_all(fd);
  EXPECT_TRUE(reply.rfind("HTTP/1.1 431 ", 0) == 0 || reply.empty()) << reply;
  EXPECT_EQ(body(get(server->stats_port(), "/metrics")), "# EOF\n");  // others do not notice
}

TEST_F(ServerTest, AHeadThatDoesNotComeEndsTheConnection) {
  const auto fd = dial("127.0.0.1", server->stats_port());
  send_text(fd, "GET /metrics HTT");
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(read_all(fd), "");  // the server closes; a test that hangs here is a failure, too
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
}

TEST_F(ServerTest, ALargeDumpArrivesWhole) {
  dump.assign(20 << 20, 'x');
  EXPECT_EQ(body(get(server->admin_port(), "/config_dump")).size(), dump.size());
}

// As many as there may be, and they never say a word: a probe must get in all the same, and at
// once.
TEST_F(ServerTest, SilentConnectionsKeepNobodyOut) {
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 256; ++i) silent.push_back(dial("127.0.0.1", server->readiness_port()));
  const auto reply = get(server->readiness_port(), "/healthz/ready");
  EXPECT_EQ(reply.rfind("HTTP/1.1 500 ", 0), 0U) << reply;
}

TEST_F(ServerTest, SilentConnectionsCutNoReply) {
  dump.assign(20 << 20, 'x');
  const auto reader = dial("127.0.0.1", server->admin_port());
  send_text(reader, "GET /config_dump HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  read_until(reader, "\r\n\r\n");
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(dial("127.0.0.1", server->admin_port()));
  EXPECT_EQ(get(server->admin_port(), "/nothing").rfind("HTTP/1.1 404 ", 0), 0U);
  EXPECT_EQ(read_all(reader).size(), dump.size());
}

// Clients that ask and never read hold a bounded amount of memory; the newest is served.
TEST_F(ServerTest, UnreadRepliesAreBounded) {
  dump.assign(10 << 20, 'x');
  std::vector<UniqueFd> readers;
  for (int i = 0; i < 40; ++i) {
    readers.push_back(dial("127.0.0.1", server->admin_port()));
    send_text(readers.back(), "GET /config_dump HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ASSERT_NE(read_until(readers.back(), "\r\n\r\n").find("200 OK"), std::string::npos);
  }
  EXPECT_EQ(read_all(readers.back()).size(), dump.size());
  readers.pop_back();
  int whole = 0;
  for (const auto& reader : readers) whole += read_all(reader).size() == dump.size() ? 1 : 0;
  EXPECT_LE(whole, 13);
  EXPECT_GE(whole, 10);
}

TEST_F(ServerTest, StoppingClosesWhatIsIdle) {
  const auto idle = dial("127.0.0.1", server->stats_port());
  send_text(idle, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  read_until(idle, "# EOF\n");
  const auto port = server->stats_port();
  server->stop();
  EXPECT_EQ(read_all(idle), "");
  EXPECT_FALSE(dial("127.0.0.1", port));
  server->stop();  // again is harmless
}

TEST_F(ServerTest, AStoppedReaderDoesNotHoldUpTheEnd) {
  dump.assign(20 << 20, 'x');
  const auto stuck = dial("127.0.0.1", server->admin_port());
  send_text(stuck, "GET /config_dump HTTP/1.1\r\nHost: x\r\n\r\n");
  read_until(stuck, "\r\n\r\n");
  const auto before = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20));
}

TEST_F(ServerTest, ATakenPortIsNamed) {
  ServerOptions options;
  options.admin_port = options.readiness_port = 0;
  options.stats_port = server->stats_port();
  Hooks hooks;
  const auto second = Server::start(options, hooks);
  ASSERT_TRUE(second.has_error());
  EXPECT_EQ(second.error().code, Errc::io);
  EXPECT_NE(second.error().detail.find("metrics server: cannot listen on port " +
                                       std::to_string(options.stats_port)),
            std::string::npos)
      << second.error().detail;
  EXPECT_NE(second.error().detail.find("network namespace of its own"), std::string::npos);
}

}  // namespace
}  // namespace culvert::admin
