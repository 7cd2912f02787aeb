// Catches the application traffic secrets while OpenSSL does the handshake, so that the own record
// layer can take over.
#pragma once

#include "tls/key_schedule.hpp"

#include <cstddef>

struct ssl_st;
struct ssl_ctx_st;

namespace culvert::tls {

// The secrets of one connection; wiped on destruction.
struct TrafficSecrets {
  TrafficSecret client;
  TrafficSecret server;
  std::size_t client_size = 0;  // 0 until known
  std::size_t server_size = 0;
};

// Makes handshakes of `context` deliver their secrets to what attach_secrets() gave them.
void install_secret_capture(ssl_ctx_st* context);
// `secrets` outlives `ssl`, or is detached with null. False when memory is short.
bool attach_secrets(ssl_st* ssl, TrafficSecrets* secrets);

}  // namespace culvert::tls
