// Two ends of HBONE on one worker, over loopback: a pool that dials, and a server that joins every
// CONNECT to a socket pair.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "culvert/hbone/pool.hpp"
#include "culvert/hbone/relay.hpp"
#include "culvert/hbone/secure.hpp"
#include "culvert/net/listener.hpp"
#include "support/test_ca.hpp"

namespace culvert::hbone::testing {

using namespace std::chrono_literals;

inline Identity identity(std::string_view account) {
  return {Name("cluster.local"), Name("shop"), Name(account)};
}

// Two connected sockets: `inside` is relayed, `app` is the test's. Only TCP knows resets.
struct AppPair {
  AppPair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    inside.reset(fds[0]);
    app.reset(fds[1]);
  }
  static AppPair tcp() {
    AppPair made;
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    EXPECT_EQ(::bind(listener.get(), address, size), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener.get(), address, &size), 0);
    made.app.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(made.app.get(), address, size), 0);
    EXPECT_EQ(::fcntl(made.app.get(), F_SETFL, O_NONBLOCK), 0);
    made.inside.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    EXPECT_TRUE(made.inside);
    return made;
  }
  UniqueFd inside;
  UniqueFd app;
};

// One relayed stream of either side, and how it ended.
struct Side final : Relay::Owner {
  explicit Side(net::Worker& worker, bool tcp = false)
      : pair(tcp ? AppPair::tcp() : AppPair()), relay(worker, *this) {}
  void start() { relay.start(std::move(pair.inside)); }
  void on_bytes(std::uint64_t out, std::uint64_t in) override {
    to_tunnel += out;
    to_app += in;
  }
  const void* pod() const override { return tag; }
  void on_relay_end(const Error* reason) override {
    ended = true;
    if (reason != nullptr) error = *reason;
  }
  const void* tag = nullptr;  // the pod
  AppPair pair;
  std::atomic<std::uint64_t> to_tunnel{0};
  std::atomic<std::uint64_t> to_app{0};
  bool ended = false;
  std::optional<Error> error;
  std::optional<Result<Response>> answer;
  Relay relay;
};

// What can be read from `from` now.
inline std::string read_all(const UniqueFd& from) {
  std::string all;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = ::recv(from.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
}
enum class Ending : std::uint8_t { none, end, reset };
// How the connection ended, behind all data that is there, which goes to `data`. The kernel tells
// of a reset once.
inline Ending ending(const UniqueFd& from, std::string* data = nullptr) {
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = ::recv(from.get(), buffer.data(), buffer.size(), 0);
    if (n == 0) return Ending::end;
    if (n < 0) return errno == ECONNRESET ? Ending::reset : Ending::none;
    if (data != nullptr) data->append(buffer.data(), static_cast<std::size_t>(n));
  }
}
inline bool at_eof(const UniqueFd& from) {
  char c = 0;
  return ::recv(from.get(), &c, 1, MSG_PEEK) == 0;
}

class MeshPair : public ::testing::Test, public TunnelOwner {
 protected:
  // `backlog_limit`: what the worker may hold for applications that do not read, bytes.
  explicit MeshPair(std::size_t backlog_limit = net::BacklogBudget::kDefault)
      : worker(0, backlog_limit) {
    start(TunnelSettings{});
  }
  ~MeshPair() override {
    pool->cut(fail(Errc::cancelled, "test ends"));
    for (auto& tunnel : server_tunnels) tunnel->cut(h2::ErrorCode::cancel, std::nullopt);
    run_until([&] { return pool->empty() && server_tunnels.empty(); });
  }

  void start(const TunnelSettings& settings) {
    pool.reset();
    context = std::make_unique<Context>(worker, settings, source);
    pool = std::make_unique<Pool>(*context, DialSettings{});
    auto fd = net::listen_tcp({}, SocketAddress{IpAddress::v4_loopback(), 0}, {}, {});
    address = *net::local_address(fd->get());
    listener = std::make_unique<net::Listener>(worker, std::move(*fd), "test",
                                               [this](UniqueFd client, const SocketAddress&) {
                                                 ++accepted;
                                                 newest_fd = client.get();
                                                 net::spawn(worker, serve(this, std::move(client)));
                                               });
    ASSERT_TRUE(listener->start().has_value());
  }

  static net::Async<void> serve(MeshPair* self, UniqueFd client) {
    Context& own = self->server_context ? *self->server_context : *self->context;
    auto certificate = self->source.cached(self->server_identity);
    if (!certificate) certificate = self->ca.issue(self->server_identity);
    auto tls_context = own.contexts.server(self->server_identity, certificate);
    auto handshake = tls::Handshake::server(**tls_context);
    net::Stream stream(self->worker, std::move(client));
    auto secured = co_await secure(self->worker, stream, **handshake);
    if (!secured) {
      self->server_failures.push_back(secured.error().detail);
      co_return;
    }
    auto tunnel = std::make_unique<Tunnel>(own, h2::Role::server, stream.release(),
                                           std::move(*secured), *self);
    EXPECT_TRUE(tunnel->start().has_value());
    self->server_tunnels.push_back(std::move(tunnel));
    if (self->leaving) self->server_tunnels.back()->shut_down();
  }

  h2::Stream* on_request(Tunnel& tunnel, const h2::Request& request) override {
    requests.emplace_back(request.authority);
    if (refuse_with != 0) {
      tunnel.session().respond(request.id, refuse_with, {}, true);
      return nullptr;
    }
    auto side = std::make_unique<Side>(worker, tcp_apps);
    side->relay.attach(tunnel);
    Side* raw = side.get();
    servers.push_back(std::move(side));
    worker.post([raw] {
      raw->relay.accept({});
      raw->start();
    });
    return &raw->relay;
  }
  void on_tunnel_draining(Tunnel&) override {}
  void on_tunnel_closed(Tunnel& tunnel, const Error* reason) override {
    if (reason != nullptr) server_failures.push_back(reason->detail);
    std::erase_if(server_tunnels, [&](const auto& held) { return held.get() == &tunnel; });
  }

  PoolKey key() {
    PoolKey made;
    made.source = identity("front");
    made.expected = {server_identity};
    made.source_ip = IpAddress::v4_loopback();
    made.destination = address;
    return made;
  }

  static net::Async<void> connect(MeshPair* self, Side* side, PoolKey to) {
    auto tunnel = co_await self->pool->checkout(std::move(to));
    if (!tunnel) {
      side->answer = tunnel.error();
      co_return;
    }
    auto sent = side->relay.request(**tunnel, "10.0.0.9:80", {});
    EXPECT_TRUE(sent.has_value());
    auto answer = co_await side->relay.response(self->worker.now() + 5s);
    side->answer = answer;
    if (answer && answer->status == 200) {
      side->start();
    } else {
      if (!side->relay.abandon()) side->ended = true;
    }
  }
  // A client stream that is being opened.
  Side& open() { return open(key()); }
  Side& open(PoolKey to) {
    clients.push_back(std::make_unique<Side>(worker, tcp_apps));
    net::spawn(worker, connect(this, clients.back().get(), std::move(to)));
    return *clients.back();
  }
  // Opened on both sides; `server` is the newest one there.
  std::pair<Side*, Side*> open_both() {
    const auto before = servers.size();
    Side& client = open();
    run_until([&] { return client.answer.has_value() && servers.size() > before; });
    return {&client, servers.back().get()};
  }

  void run_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + 20s;
    net::Timer tick([] {});
    worker.run_until([&] {
      if (Clock::now() > deadline) {
        ADD_FAILURE() << "nothing happens any more";
        return true;
      }
      if (!tick.armed()) tick.arm(worker.timers(), Clock::now() + 20ms);
      return done();
    });
  }

  net::Worker worker;
  culvert::testing::TestCa ca;
  culvert::testing::FakeCertificateSource source{ca};
  Identity server_identity = identity("cart");
  std::unique_ptr<Context> context;
  std::unique_ptr<Context> server_context;  // null: the server's settings are the client's
  SocketAddress address;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<net::Listener> listener;
  std::vector<std::unique_ptr<Tunnel>> server_tunnels;
  std::vector<std::unique_ptr<Side>> clients;
  std::vector<std::unique_ptr<Side>> servers;
  std::vector<std::string> requests;
  std::vector<std::string> server_failures;
  int accepted = 0;
  int newest_fd = -1;  // the server's end of the newest tunnel
  int refuse_with = 0;
  bool leaving = false;   // the server ends every tunnel that it gets, gracefully
  bool tcp_apps = false;  // applications on TCP instead of socket pairs
};

}  // namespace culvert::hbone::testing
