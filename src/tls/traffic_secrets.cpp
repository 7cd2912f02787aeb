#include "tls/traffic_secrets.hpp"

#include <openssl/ssl.h>

#include <string_view>

namespace culvert::tls {
namespace {

int secrets_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Decodes hex into `secret`; returns its size, 0 when it is not a secret.
std::size_t decode(std::string_view hex, TrafficSecret& secret) {
  if (hex.size() % 2 != 0 || hex.size() / 2 > secret.bytes.size()) return 0;
  for (std::size_t i = 0; i < hex.size() / 2; ++i) {
    const int high = hex_digit(hex[2 * i]);
    const int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return 0;
    secret.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return hex.size() / 2;
}

// A line of the key log format: label, client random, secret, separated by blanks. The text belongs
// to OpenSSL, which wipes it.
void on_line(const SSL* ssl, const char* text) {
  auto* secrets = static_cast<TrafficSecrets*>(SSL_get_ex_data(ssl, secrets_index()));
  if (secrets == nullptr) return;
  const std::string_view line(text);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first) return;
  const auto label = line.substr(0, first);
  if (label == "CLIENT_TRAFFIC_SECRET_0")
    secrets->client_size = decode(line.substr(last + 1), secrets->client);
  if (label == "SERVER_TRAFFIC_SECRET_0")
    secrets->server_size = decode(line.substr(last + 1), secrets->server);
}

}  // namespace

void install_secret_capture(ssl_ctx_st* context) { SSL_CTX_set_keylog_callback(context, on_line); }

bool attach_secrets(ssl_st* ssl, TrafficSecrets* secrets) {
  return SSL_set_ex_data(ssl, secrets_index(), secrets) == 1;
}

}  // namespace culvert::tls
