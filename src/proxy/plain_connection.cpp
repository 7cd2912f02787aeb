#include "proxy/plain_connection.hpp"

#include "culvert/net/stream.hpp"
#include "proxy/application_dial.hpp"

namespace culvert::proxy {

PlainConnection::PlainConnection(PodProxy& pod, Facts facts, OpenSocket socket, UniqueFd client)
    : Connection(std::move(facts), pod.worker().now()),
      pod_(pod),
      socket_(std::move(socket)),
      client_(std::move(client)),
      relay_(pod.worker(), *this) {
  pod.add_connection(*this);
  opened(pod.counters(facts_));
}

net::Async<void> PlainConnection::run(SocketAddress destination, std::optional<IpAddress> source) {
  net::Cancellation cancellation;
  dial_ = &cancellation;
  auto server = co_await dial_application(pod_, destination, source, cancellation);
  dial_ = nullptr;
  if (const Error* reason = cancellation.reason(); reason != nullptr) {
    fail(*reason);
    co_return;
  }
  if (!server) {
    fail(server.error());
    co_return;
  }
  relay_.start(std::move(client_), std::move(*server),
               PlainRelay::Counters{&counters().received_bytes, &counters().sent_bytes});
}

void PlainConnection::fail(const Error& error) {
  close_client();
  on_relay_end(&error);
}

void PlainConnection::close_client() {
  if (client_) net::reset_on_close(client_.get());
  client_.reset();
}

void PlainConnection::cut(Error reason) {
  if (dial_ != nullptr) {
    dial_->cancel(std::move(reason));
  } else {
    relay_.cut(std::move(reason));
  }
}

void PlainConnection::on_relay_end(const Error* error) {
  PodProxy& pod = pod_;
  closed(relay_.received(), relay_.sent(), error, pod.worker().now());
  delete this;
  pod.check_idle();
}

}  // namespace culvert::proxy
