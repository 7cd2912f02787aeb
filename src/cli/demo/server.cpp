// The hidden `culvertctl demo-server`: the application in the demo's pods. It knows nothing of the
// mesh, and tells every caller whom it sees, and what he said (the header X-Secret) backwards.
#include "cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "culvert/base/address.hpp"

#include <iostream>
#include <memory>
#include <thread>

namespace culvert::cli {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;

std::string peer_of(const tcp::socket& socket) {
  beast::error_code error;
  const auto peer = socket.remote_endpoint(error);
  const auto address = SocketAddress::from_native(peer.data(), static_cast<socklen_t>(peer.size()));
  return error || !address ? "nobody" : address->ip.to_string();
}

// One connection, request after request, on a thread of its own: the demo has few.
void serve(tcp::socket socket) {
  beast::error_code error;
  socket.set_option(tcp::no_delay(true), error);
  const auto peer = peer_of(socket);
  beast::flat_buffer buffer;
  while (!error) {
    http::request<http::string_body> request;
    http::read(socket, buffer, request, error);
    if (error) break;
    http::response<http::string_body> response(http::status::ok, request.version());
    response.set(http::field::content_type, "text/plain");
    response.keep_alive(request.keep_alive());
    response.body() = "hello, I see you as " + peer + "\n";
    // Not the same words: whoever listens in can tell answers from requests.
    const std::string secret(request["X-Secret"]);
    response.body() += "backwards: " + std::string(secret.rbegin(), secret.rend()) + "\n";
    response.prepare_payload();
    http::write(socket, response, error);
    if (!request.keep_alive()) break;
  }
  socket.shutdown(tcp::socket::shutdown_both, error);
}

int listen(std::uint16_t port) {
  boost::asio::io_context io;
  beast::error_code error;
  tcp::acceptor acceptor(io);
  const tcp::endpoint any(tcp::v6(), port);
  acceptor.open(any.protocol(), error);
  if (!error) acceptor.set_option(boost::asio::ip::v6_only(false), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(any, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  while (!error) {
    tcp::socket socket(io);
    acceptor.accept(socket, error);
    if (error) continue;
    std::thread([owned = std::make_shared<tcp::socket>(std::move(socket))] {
      serve(std::move(*owned));
    }).detach();
  }
  std::cerr << "culvertctl demo-server: port " << port << ": " << error.message() << '\n';
  return 1;
}

}  // namespace

void add_demo_server(CLI::App& app, int& exit_code) {
  const auto port = std::make_shared<std::uint16_t>(std::uint16_t{8080});
  auto* command = app.add_subcommand("demo-server", "the application of the demo");
  command->group("");  // not listed in the help
  command->add_option("--port", *port);
  command->callback([port, &exit_code] { exit_code = listen(*port); });
}

}  // namespace culvert::cli
