// One TLS handshake without I/O: ciphertext in, ciphertext out, until the connection stands; then
// it turns into a Channel and all of OpenSSL's per-connection memory goes away.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/identity.hpp"
#include "culvert/base/result.hpp"
#include "culvert/tls/channel.hpp"
#include "culvert/tls/context.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::tls {

// Names one certificate the way revocation lists do.
struct CertificateId {
  std::array<std::uint8_t, 32> issuer{};  // SHA-256 of the issuer's DER name
  std::string serial;                     // big-endian bytes, no leading zero
};

// What the handshake found out about the other side.
struct PeerInfo {
  std::optional<Identity> identity;  // first SPIFFE URI SAN of mesh form, if any
  bool alpn_h2 = false;              // h2 was negotiated (a server accepts peers without ALPN)
  std::vector<CertificateId> chain;  // the verified path, leaf first, root last
  std::string_view version;          // "TLSv1.3" or "TLSv1.2"
  std::string_view cipher;           // the suite's standard name
};

// Drives one handshake. One thread. The context may go away before the handshake does.
class Handshake {
 public:
  enum class Status : std::uint8_t { want_input, done };

  // Errc::tls when the crypto library refuses (memory).
  static Result<std::unique_ptr<Handshake>> server(const ServerContext& context);
  // Fails later, in step(), unless the peer shows at least one of `expected`.
  static Result<std::unique_ptr<Handshake>> client(const ClientContext& context,
                                                   std::vector<Identity> expected);
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  // Feeds `input` (may be empty: a client's first call is) and appends to `out` what must be sent,
  // also when it fails: then that is the alert. `consumed` says how much of `input` was used, also
  // on failure; while it wants input that is all of it, and when done the bytes behind the
  // handshake are left for the Channel. Errc::tls: the detail says what was wrong, with the peer's
  // alert or the verification failure by name. An error is final.
  Result<Status> step(Bytes input, std::size_t& consumed, std::vector<std::uint8_t>& out);

  // After done; lives as long as the handshake.
  const PeerInfo& peer() const;

  // After done, once: the channel that takes over. Nothing else may be called afterwards, except
  // peer().
  Result<std::unique_ptr<Channel>> finish();

 private:
  struct State;
  explicit Handshake(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace culvert::tls
