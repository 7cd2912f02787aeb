// Everything that the own record layer knows about a connection, as plain data: what another
// process needs to carry on with it.
#pragma once

#include "culvert/tls/aead.hpp"
#include "tls/key_schedule.hpp"
#include "tls/post_handshake.hpp"
#include "tls/suite.hpp"

#include <cstdint>

namespace culvert::tls {

// One direction (RFC 8446 sections 5.2 and 5.3).
struct DirectionState {
  TrafficSecret secret;        // application_traffic_secret_N
  Aead::Nonce iv{};            // derived from it
  std::uint64_t sequence = 0;  // of the next record
  bool ended = false;          // close_notify or a fatal alert went this way
};

struct RecordState {
  Suite suite = Suite::aes256_gcm_sha384;
  bool client = false;  // our own role
  DirectionState read;
  DirectionState write;
  PostHandshakeReader messages;    // a message whose end has not arrived
  std::uint32_t idle_records = 0;  // since the last application data of the peer
  bool owes_key_update = false;    // the peer asked for one
  std::uint8_t alert = 0;          // fatal alert that waits to be sent; 0 for none
};

}  // namespace culvert::tls
