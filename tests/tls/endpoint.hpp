// The two ends of a TLS connection in memory: ours, and a plain OpenSSL object as a foreign peer.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/tls/handshake.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::tls {

// Takes the peer's bytes, gives its own, remembers what it read.
class Endpoint {
 public:
  virtual ~Endpoint() = default;
  virtual void feed(Bytes bytes) = 0;
  virtual void send(std::string_view text) = 0;
  virtual void close() = 0;

  std::vector<std::uint8_t> take() { return std::exchange(out_, {}); }
  bool established = false;
  bool closed = false;   // the peer's close_notify was read
  std::string received;  // plaintext
  std::string error;     // first failure

 protected:
  std::vector<std::uint8_t> out_;
};

// Handshake, then Channel.
class OwnEndpoint : public Endpoint {
 public:
  explicit OwnEndpoint(std::unique_ptr<Handshake> handshake) : handshake_(std::move(handshake)) {
    feed({});
  }

  void feed(Bytes bytes) override {
    in_.insert(in_.end(), bytes.begin(), bytes.end());
    if (!error.empty()) return;
    if (!channel_) shake();
    if (channel_ && error.empty()) read();
  }

  void send(std::string_view text) override {
    const auto start = out_.size();
    out_.resize(start + Channel::sealed_size(text.size()));
    const auto written = channel_->seal(as_bytes(text), MutableBytes(out_).subspan(start));
    out_.resize(start + (written ? *written : 0));
    if (!written) error = written.error().detail;
  }

  void close() override {
    const auto start = out_.size();
    out_.resize(start + Channel::kMaxControl);
    out_.resize(start + channel_->close(MutableBytes(out_).subspan(start)));
  }

  Handshake& handshake() { return *handshake_; }
  Channel& channel() { return *channel_; }

 private:
  void shake() {
    std::size_t consumed = 0;
    const auto status = handshake_->step(in_, consumed, out_);
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(consumed));
    if (!status) {
      error = status.error().detail;
    } else if (*status == Handshake::Status::done) {
      auto channel = handshake_->finish();
      if (!channel) {
        error = channel.error().detail;
        return;
      }
      channel_ = *std::move(channel);
      established = true;
    }
  }

  void read() {
    std::vector<std::uint8_t>& room = room_;
    for (;;) {
      const auto opened = channel_->open(in_, room);
      if (channel_->has_control()) send("");
      if (!opened) {
        error = opened.error().detail;
        return;
      }
      received.append(as_text(Bytes(room).first(opened->produced)));
      in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(opened->consumed));
      closed = closed || opened->closed;
      if (opened->consumed == 0) return;
    }
  }

  std::unique_ptr<Handshake> handshake_;
  std::unique_ptr<Channel> channel_;
  std::vector<std::uint8_t> in_;
  std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(Channel::kMinPlaintextRoom * 3);
};

// A foreign peer: SSL over OpenSSL's own memory BIOs, no verification unless `set_up` asks for it.
class OpensslEndpoint : public Endpoint {
 public:
  OpensslEndpoint(bool server, const Certificate* certificate,
                  const std::function<void(SSL_CTX*)>& set_up = {})
      : context_(SSL_CTX_new(TLS_method()), SSL_CTX_free), ssl_(nullptr, SSL_free) {
    if (certificate != nullptr) {
      SSL_CTX_use_certificate(context_.get(), certificate->chain().front().get());
      SSL_CTX_use_PrivateKey(context_.get(), certificate->key().native());
      for (const auto& x : certificate->chain().subspan(1))
        SSL_CTX_add1_chain_cert(context_.get(), x.get());
    }
    if (set_up) set_up(context_.get());
    ssl_.reset(SSL_new(context_.get()));
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in, out);
    server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    feed({});
  }

  void feed(Bytes bytes) override {
    if (!bytes.empty())
      BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    if (!established) check(SSL_do_handshake(ssl_.get()), [&] { established = true; });
    std::vector<char> room(20000);
    while (established && error.empty() && !closed) {
      const int n = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
      check(n, [&] { received.append(room.data(), static_cast<std::size_t>(n)); });
      if (n <= 0) break;
    }
    drain();
  }

  void send(std::string_view text) override {
    check(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())), [] {});
    drain();
  }

  void close() override {
    SSL_shutdown(ssl_.get());
    drain();
  }

  // For OpenSSL calls that the test makes itself; drain() takes what they wrote.
  SSL* ssl() { return ssl_.get(); }
  void drain() {
    char* data = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl_.get()), &data);
    if (size > 0) out_.insert(out_.end(), data, data + size);
    BIO_reset(SSL_get_wbio(ssl_.get()));
  }

 private:
  template <class F>
  void check(int result, F on_success) {
    if (result > 0) return on_success();
    const int why = SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_ZERO_RETURN) closed = true;
    if (why == SSL_ERROR_SSL && error.empty()) {
      const char* reason = ERR_reason_error_string(ERR_get_error());
      error = reason != nullptr ? reason : "unknown";
    }
    ERR_clear_error();
  }

  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

// Carries bytes both ways, at most `chunk` at a time, until both are quiet.
inline void pump(Endpoint& a, Endpoint& b, std::size_t chunk = 1 << 20) {
  const auto carry = [chunk](Endpoint& from, Endpoint& to) {
    const auto bytes = from.take();
    for (std::size_t at = 0; at < bytes.size(); at += chunk)
      to.feed(Bytes(bytes).subspan(at, std::min(chunk, bytes.size() - at)));
    return !bytes.empty();
  };
  bool moved = true;
  while (moved) {
    moved = carry(a, b);
    moved = carry(b, a) || moved;
  }
}

}  // namespace culvert::tls
