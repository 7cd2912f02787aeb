// A server that does nothing but TLS handshakes, limited to what a test wants: shows what a gRPC
// client offers.
#pragma once

#include "control/server/server_certificate.hpp"
#include "culvert/base/unique_fd.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace culvert::testing {

// Listens on 127.0.0.1 until destroyed.
class TlsServer {
 public:
  struct Limits {
    int highest = TLS1_3_VERSION;
    const char* suites13 = "TLS_AES_256_GCM_SHA384";
  };

  TlsServer(const ServerCertificate& certificate, const Limits& limits)
      : context_(SSL_CTX_new(TLS_server_method())) {
    // This server is not to be limited by what is under test.
    SSL_CTX_clear_options(context_, SSL_OP_NO_TLSv1_2);
    SSL_CTX_set_max_proto_version(context_, limits.highest);
    SSL_CTX_set_ciphersuites(context_, limits.suites13);
    SSL_CTX_set_alpn_select_cb(context_, choose_h2, nullptr);
    use(certificate);
    listen();
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
    SSL_CTX_free(context_);
  }
  TlsServer(const TlsServer&) = delete;

  std::string address() const { return "https://127.0.0.1:" + std::to_string(port_); }
  // One for each connection so far: "TLSv1.3 TLS_AES_256_GCM_SHA384", or "refused".
  std::vector<std::string> handshakes() {
    const std::lock_guard lock(mutex_);
    return handshakes_;
  }

 private:
  static int choose_h2(SSL*, const unsigned char** out, unsigned char* length, const unsigned char*,
                       unsigned, void*) {
    *out = reinterpret_cast<const unsigned char*>("h2");
    *length = 2;
    return SSL_TLSEXT_ERR_OK;
  }
  void use(const ServerCertificate& certificate) {
    BIO* chain = BIO_new_mem_buf(certificate.certificate.data(), -1);
    BIO* secret = BIO_new_mem_buf(certificate.key.data(), -1);
    X509* x = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(secret, nullptr, nullptr, nullptr);
    if (SSL_CTX_use_certificate(context_, x) != 1 || SSL_CTX_use_PrivateKey(context_, key) != 1)
      std::abort();
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(chain);
    BIO_free(secret);
  }
  void listen() {
    socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    if (::bind(socket_.get(), generic, length) != 0 || ::listen(socket_.get(), 16) != 0 ||
        ::getsockname(socket_.get(), generic, &length) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
  }
  void serve() {
    while (true) {
      const UniqueFd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, peer.get());
      std::string what = "refused";
      if (SSL_accept(ssl) == 1)
        what = std::string(SSL_get_version(ssl)) + " " + SSL_get_cipher_name(ssl);
      SSL_free(ssl);
      const std::lock_guard lock(mutex_);
      handshakes_.push_back(std::move(what));
    }
  }

  SSL_CTX* context_;
  UniqueFd socket_;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> handshakes_;
  std::thread thread_;
};

}  // namespace culvert::testing
