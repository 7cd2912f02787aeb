#include "admin/http_server.hpp"

#include "admin/caller.hpp"
#include "culvert/base/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace culvert::admin {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

log::Target target("admin");

constexpr auto as_result = asio::as_tuple(asio::deferred);

// A peer gets this long to send a request's head, and again for its body: admin clients are near.
constexpr auto kReadTimeout = std::chrono::seconds(2);
// A reader of a 100 MB dump gets this long for all of it.
constexpr auto kWriteTimeout = std::chrono::seconds(60);
constexpr std::uint32_t kHeadLimit = 8 * 1024;
// No endpoint reads a body; one that is sent is swallowed up to this size.
constexpr std::uint64_t kBodyLimit = 64 * 1024;
// Enough for every scraper and operator of a node; a flood cannot take all descriptors.
constexpr std::size_t kMostConnections = 256;
// One large dump and many pages of metrics. A reply may exceed it: the bound is looked at before.
constexpr std::size_t kMostUnsent = std::size_t{128} << 20;
// How often a reply that takes its time is asked for.
constexpr auto kLaterPoll = std::chrono::milliseconds(20);
constexpr auto kAcceptPause = std::chrono::milliseconds(50);

std::string view_string(beast::string_view text) { return {text.data(), text.size()}; }

HttpRequest to_request(const http::request<http::string_body>& message) {
  HttpRequest request;
  request.method = view_string(message.method_string());
  const auto whole = view_string(message.target());
  const auto question = std::min(whole.find('?'), whole.size());
  request.path = whole.substr(0, question);
  if (question < whole.size()) request.query = whole.substr(question + 1);
  request.accept = view_string(message[http::field::accept]);
  request.accept_encoding = view_string(message[http::field::accept_encoding]);
  return request;
}

SocketAddress address_of(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_v4()) return {*IpAddress::from_bytes(address.to_v4().to_bytes()), endpoint.port()};
  return {*IpAddress::from_bytes(address.to_v6().to_bytes()), endpoint.port()};
}

std::optional<std::uint32_t> caller_of(const HttpServer::Stream::socket_type& socket) {
  boost::system::error_code ec;
  const auto client = socket.remote_endpoint(ec);
  if (ec) return std::nullopt;
  const auto server = socket.local_endpoint(ec);
  if (ec) return std::nullopt;
  return user_of(address_of(client), address_of(server));
}

// The reply on the wire. HEAD gets the length of what GET would give, and no body.
http::response<http::string_body> to_message(HttpReply reply, unsigned version, bool keep_alive,
                                             bool head) {
  http::response<http::string_body> message;
  message.version(version);
  message.result(reply.status);
  if (!reply.content_type.empty()) message.set(http::field::content_type, reply.content_type);
  if (!reply.content_encoding.empty())
    message.set(http::field::content_encoding, reply.content_encoding);
  message.keep_alive(keep_alive);
  message.content_length(reply.body.size());
  if (!head) message.body() = std::move(reply.body);
  return message;
}

// The status that a request gets which cannot even be read, or 0 when there is nobody to tell.
unsigned status_of(const boost::system::error_code& ec) {
  if (ec == http::error::end_of_stream || ec == http::error::partial_message) return 0;
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) return 431;
  if (ec == http::error::body_limit) return 413;
  return ec.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

}  // namespace

HttpServer::HttpServer(asio::io_context& io, std::string name, HttpHandler handler)
    : io_(io), name_(std::move(name)), handler_(std::move(handler)) {}

Result<void> HttpServer::listen(const tcp::endpoint& endpoint, bool dual_stack) {
  boost::system::error_code ec;
  Acceptor& acceptor = acceptors_.emplace_back(io_.get_executor());
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec && endpoint.protocol() == tcp::v6())
    acceptor.set_option(asio::ip::v6_only(!dual_stack), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) {
    port_ = acceptor.local_endpoint(ec).port();
    if (!ec) return {};
  }
  acceptors_.pop_back();
  auto what = name_ + " server: cannot listen on port " + std::to_string(endpoint.port()) + ": " +
              ec.message();
  if (ec == asio::error::address_in_use)
    what +=
        ": another program has it, end that one first; to run two daemons side by side, give "
        "each a network namespace of its own";
  return fail(ec == asio::error::access_denied ? Errc::permission
              : ec == asio::error::address_family_not_supported ||
                      ec == asio::error::host_not_found || ec.value() == EADDRNOTAVAIL
                  ? Errc::unsupported
                  : Errc::io,
              std::move(what));
}

Result<void> HttpServer::bind(bool loopback, bool ipv6, std::uint16_t port) {
  if (!loopback && ipv6) {
    auto both = listen(tcp::endpoint(asio::ip::address_v6::any(), port), true);
    if (both || both.error().code != Errc::unsupported) return both;
  }
  const auto v4 = loopback ? asio::ip::address_v4::loopback() : asio::ip::address_v4::any();
  if (const auto bound = listen(tcp::endpoint(v4, port), false); !bound) return bound;
  if (!loopback || !ipv6) return {};
  auto v6 = listen(tcp::endpoint(asio::ip::address_v6::loopback(), port_), false);
  if (!v6 && v6.error().code != Errc::unsupported) return v6;
  return {};
}

void HttpServer::start() {
  for (Acceptor& acceptor : acceptors_)
    asio::co_spawn(io_.get_executor(), accept_loop(acceptor), asio::detached);
}

void HttpServer::drain() {
  draining_ = true;
  boost::system::error_code ignored;
  for (Acceptor& acceptor : acceptors_) acceptor.close(ignored);
  for (Session& session : sessions_) {
    if (!session.busy) session.stream.close();
  }
}

HttpServer::Async<void> HttpServer::accept_loop(Acceptor& acceptor) {
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      pause(io_.get_executor());
  while (!draining_) {
    auto [ec, socket] = co_await acceptor.async_accept(as_result);
    if (draining_ || ec == asio::error::operation_aborted) break;
    if (ec) {  // out of descriptors, say: without a pause this loop would spin
      log::warn(target, "accept failed",
                {log::str("server", name_), log::str("error", ec.message())});
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(as_result);
      continue;
    }
    if (sessions_.size() >= kMostConnections) make_room_for_connection();
    const auto session = sessions_.emplace(sessions_.end(), std::move(socket));
    asio::co_spawn(io_.get_executor(), serve(session), asio::detached);
  }
}

HttpServer::Async<void> HttpServer::serve(SessionIterator session) {
  beast::flat_buffer buffer(kHeadLimit + kBodyLimit);
  while (co_await serve_one(session, buffer)) {
  }
  boost::system::error_code ignored;
  session->stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  sessions_.erase(session);
}

// Ends the connection that has been idle for longest; while all are busy, the oldest.
void HttpServer::make_room_for_connection() {
  Session* oldest = nullptr;
  for (Session& session : sessions_) {
    if (session.cut) continue;
    if (!session.busy) return cut(session);
    if (oldest == nullptr) oldest = &session;
  }
  if (oldest != nullptr) cut(*oldest);
}

// Ends replies that have not been read, the oldest first, until another may be made.
void HttpServer::make_room_for_reply() {
  for (Session& session : sessions_) {
    if (unsent_ < kMostUnsent) return;
    if (session.unsent == 0) continue;
    log::info(
        target, "a reply was not read: cut, to make room for others",
        {log::str("server", name_), log::num("bytes", static_cast<std::int64_t>(session.unsent))});
    cut(session);
  }
}

void HttpServer::cut(Session& session) {
  session.cut = true;
  session.stream.close();
  written(session);
}

void HttpServer::written(Session& session) { unsent_ -= std::exchange(session.unsent, 0); }

// Writes one reply; false when the client did not take it.
HttpServer::Async<bool> HttpServer::write(SessionIterator session, Message message) {
  http::response_serializer<http::string_body> serializer(message);
  sessions_.splice(sessions_.end(), sessions_, session);
  session->unsent = message.body().size();
  unsent_ += session->unsent;
  session->stream.expires_after(kWriteTimeout);
  auto [ec, size] = co_await http::async_write(session->stream, serializer, as_result);
  written(*session);
  co_return !ec;
}

// The reply that takes its time.
HttpServer::Async<HttpReply> HttpServer::wait_for(SessionIterator session, HttpReply reply) {
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      pause(io_.get_executor());
  while (!session->cut) {
    if (const auto done = reply.later()) co_return *done;
    pause.expires_after(kLaterPoll);
    co_await pause.async_wait(as_result);
  }
  co_return reply;
}

// One request and its reply. False when the connection is to be closed.
HttpServer::Async<bool> HttpServer::serve_one(SessionIterator session, beast::flat_buffer& buffer) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(kHeadLimit);
  parser.body_limit(kBodyLimit);
  session->stream.expires_after(kReadTimeout);
  auto [ec, size] = co_await http::async_read_header(session->stream, buffer, parser, as_result);
  if (!ec) {
    session->busy = true;
    session->stream.expires_after(kReadTimeout);
    auto [body_ec, body_size] =
        co_await http::async_read(session->stream, buffer, parser, as_result);
    ec = body_ec;
  }
  const auto& request = parser.get();
  HttpReply reply;
  reply.status = ec ? status_of(ec) : 200;
  if (reply.status == 0 || session->cut) co_return false;
  const bool keep_alive = !ec && request.keep_alive() && !draining_;
  make_room_for_reply();
  if (!ec) {
    auto asked = to_request(request);
    asked.caller = [session] { return caller_of(session->stream.socket()); };
    reply = handler_(asked);
    if (reply.later) reply = co_await wait_for(session, std::move(reply));
    if (session->cut) co_return false;
  }
  auto message = to_message(std::move(reply), request.version(), keep_alive,
                            request.method() == http::verb::head);
  const bool whole = co_await write(session, std::move(message));
  session->busy = false;
  const bool another = whole && keep_alive && !draining_;
  co_return another;
}

}  // namespace culvert::admin
