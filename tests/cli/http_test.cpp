// The one-request HTTP client against a scripted server on loopback.
#include "cli/http.hpp"

#include "culvert/base/unique_fd.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <thread>

namespace culvert::cli {
namespace {

// Accepts one connection, reads what comes first, sends `answer` and closes.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer) : answer_(std::move(answer)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    socklen_t length = sizeof(any);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any), &length);
    port_ = ntohs(any.sin_port);
    thread_ = std::thread([this] {
      const UniqueFd socket(::accept(listener_.get(), nullptr, nullptr));
      char part[4096];
      const auto n = ::recv(socket.get(), part, sizeof(part), 0);
      if (n > 0) request_.assign(part, static_cast<std::size_t>(n));
      static_cast<void>(::send(socket.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL));
    });
  }
  ~OneShotServer() {
    if (thread_.joinable()) thread_.join();
  }
  SocketAddress address() const { return {IpAddress::v4_loopback(), port_}; }
  std::string request() {
    thread_.join();
    return request_;
  }

 private:
  UniqueFd listener_;
  std::string answer_;
  std::string request_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Http, AsksAndReadsTheWholeAnswer) {
  OneShotServer server("HTTP/1.1 202 Fine\r\nContent-Length: 5\r\n\r\nhello");
  HttpRequest request;
  request.method = "POST";
  request.target = "/logging?level=info";
  request.headers = {{"X-Word", "yes"}};
  const auto response = http_exchange(-1, server.address(), request);
  ASSERT_TRUE(response) << response.error().detail;
  EXPECT_EQ(response->status, 202U);
  EXPECT_EQ(response->body, "hello");
  const auto sent = server.request();
  EXPECT_THAT(sent, ::testing::StartsWith("POST /logging?level=info HTTP/1.1\r\n"));
  EXPECT_THAT(sent, ::testing::HasSubstr("X-Word: yes\r\n"));
}

TEST(Http, SaysWhenNobodyListensOrTheOtherHangsUp) {
  OneShotServer server("");
  EXPECT_EQ(http_exchange(-1, server.address(), {}).error().code, Errc::reset);
  EXPECT_EQ(http_exchange(-1, {IpAddress::v4_loopback(), 1}, {}).error().code, Errc::refused);
}

}  // namespace
}  // namespace culvert::cli
