// A small HTTP/1.1 server: one or two listening sockets, one handler. Bounded in every direction a
// peer can push: time for a head, size of head and body, number of connections, bytes of replies
// that are not read. Where a bound is reached, the oldest connection gives way to the newest:
// whoever fills it up cannot keep others out.
#pragma once

#include "admin/http.hpp"
#include "culvert/base/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <list>
#include <string>
#include <vector>

namespace culvert::admin {

class HttpServer {
 public:
  using Executor = boost::asio::io_context::executor_type;
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
  using Stream = boost::beast::basic_stream<boost::asio::ip::tcp, Executor>;
  using Message = boost::beast::http::response<boost::beast::http::string_body>;
  template <class T>
  using Async = boost::asio::awaitable<T, Executor>;

  // `name` is for errors: "admin", "metrics", "readiness". `io` must outlive the server; all but
  // bind() and the constructor happen on its thread.
  HttpServer(boost::asio::io_context& io, std::string name, HttpHandler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens on the loopback addresses, or on all; port 0 lets the kernel choose. An IPv6 that this
  // machine does not have is no error. Before the thread of `io` starts.
  Result<void> bind(bool loopback, bool ipv6, std::uint16_t port);
  // The port in use.
  std::uint16_t port() const { return port_; }
  // Starts accepting.
  void start();
  // Closes the listeners and every connection that waits for a request.
  void drain();
  // Connections that are still open.
  std::size_t connections() const { return sessions_.size(); }

 private:
  // One connection; lives in sessions_ while its coroutine runs.
  struct Session {
    explicit Session(boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor> socket)
        : stream(std::move(socket)) {}
    Stream stream;
    bool busy = false;       // between the end of a request's head and the end of its reply
    bool cut = false;        // closed to make room; its coroutine ends at its next turn
    std::size_t unsent = 0;  // size of the reply that is being written, its part of unsent_
  };
  using SessionIterator = std::list<Session>::iterator;

  Result<void> listen(const boost::asio::ip::tcp::endpoint& endpoint, bool dual_stack);
  Async<void> accept_loop(Acceptor& acceptor);
  Async<void> serve(SessionIterator session);
  Async<bool> write(SessionIterator session, Message message);
  Async<HttpReply> wait_for(SessionIterator session, HttpReply reply);
  Async<bool> serve_one(SessionIterator session, boost::beast::flat_buffer& buffer);
  void make_room_for_connection();
  void make_room_for_reply();
  void cut(Session& session);
  void written(Session& session);

  boost::asio::io_context& io_;
  const std::string name_;
  const HttpHandler handler_;
  std::uint16_t port_ = 0;
  std::list<Acceptor> acceptors_;  // stable addresses: coroutines hold references
  std::list<Session> sessions_;    // by the time of their last reply or, without one, of arrival
  std::size_t unsent_ = 0;         // bytes of replies that are being written
  bool draining_ = false;
};

}  // namespace culvert::admin
