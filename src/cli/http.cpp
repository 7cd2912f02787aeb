#include "cli/http.hpp"

#include "culvert/host/netns.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <limits>

namespace culvert::cli {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;
using Parser = http::response_parser<http::string_body>;

Error to_error(const SocketAddress& to, const beast::error_code& error) {
  auto code = Errc::io;
  if (error == beast::error::timeout) code = Errc::timed_out;
  if (error == boost::asio::error::connection_refused) code = Errc::refused;
  if (error == boost::asio::error::connection_reset || error == http::error::end_of_stream)
    code = Errc::reset;
  return fail(code, to.to_string() + ": " + error.message());
}

tcp::endpoint to_endpoint(const SocketAddress& to) {
  sockaddr_storage native{};
  const auto length = to.to_native(native);
  tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), &native, length);
  endpoint.resize(length);
  return endpoint;
}

// Runs one asynchronous step to its end: only those obey the stream's deadline.
template <class Start>
beast::error_code await(boost::asio::io_context& io, Start start) {
  beast::error_code result;
  start([&result](const beast::error_code& error, auto&&...) { result = error; });
  io.restart();
  io.run();
  return result;
}

Result<HttpResponse> exchange(const SocketAddress& to, const HttpRequest& wanted,
                              std::chrono::milliseconds limit) {
  boost::asio::io_context io;
  beast::tcp_stream stream(io);
  stream.expires_after(limit);
  http::request<http::empty_body> request(http::string_to_verb(wanted.method), wanted.target, 11);
  request.set(http::field::host, to.to_string());
  request.set(http::field::connection, "close");
  for (const auto& [name, value] : wanted.headers) request.set(name, value);
  request.prepare_payload();
  beast::flat_buffer buffer;
  Parser parser;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  auto error = await(io, [&](auto done) { stream.async_connect(to_endpoint(to), done); });
  if (!error) error = await(io, [&](auto done) { http::async_write(stream, request, done); });
  if (!error) error = await(io, [&](auto done) { http::async_read(stream, buffer, parser, done); });
  if (error) return to_error(to, error);
  return HttpResponse{parser.get().result_int(), std::move(parser.get().body())};
}

}  // namespace

Result<HttpResponse> http_exchange(int netns_fd, const SocketAddress& to,
                                   const HttpRequest& request, std::chrono::milliseconds limit) {
  if (netns_fd < 0) return exchange(to, request, limit);
  Result<HttpResponse> response = fail(Errc::io, "not run");
  const auto ran = host::run_in_netns(netns_fd, [&]() -> Result<void> {
    response = exchange(to, request, limit);
    return {};
  });
  if (!ran) return ran.error();
  return response;
}

}  // namespace culvert::cli
