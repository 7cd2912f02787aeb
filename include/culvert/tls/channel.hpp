// Record protection of one established connection, without I/O: bytes in, bytes out. Two
// implementations: the own TLS 1.3 record layer, and OpenSSL's behind the same interface.
#pragma once

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace culvert::tls {

// Alert descriptions that we send (RFC 8446 section 6.2).
enum class Alert : std::uint8_t {
  close_notify = 0,
  unexpected_message = 10,
  bad_record_mac = 20,
  record_overflow = 22,
  handshake_failure = 40,
  bad_certificate = 42,
  certificate_revoked = 44,
  certificate_expired = 45,
  certificate_unknown = 46,
  illegal_parameter = 47,
  unknown_ca = 48,
  access_denied = 49,
  decode_error = 50,
  internal_error = 80,
  user_canceled = 90,
};
// "bad_record_mac (20)"; "unknown" for numbers that no RFC gives.
std::string_view alert_name(std::uint8_t description);

// What Channel::open() did.
struct Opened {
  std::size_t consumed = 0;  // bytes of the ciphertext that are finished with
  std::size_t produced = 0;  // bytes of plaintext, contiguous from the start of the buffer
  bool closed = false;       // the peer's close_notify was read: nothing follows
};

// One connection's record protection. Belongs to one thread at a time. Holds keys and counters, no
// buffers; a partial record stays with the caller.
class Channel {
 public:
  // The largest plaintext of one record: 2^14 bytes (RFC 8446 section 5.1).
  static constexpr std::size_t kMaxPlaintext = 16384;
  // Upper bound of what one record adds: header, content type or explicit nonce, tag.
  static constexpr std::size_t kMaxOverhead = 32;
  // Upper bound of the control records that one call of seal(), close() or alert() writes.
  static constexpr std::size_t kMaxControl = 128;
  // The longest record on the wire: a receive buffer must hold at least this (RFC 8446 section 5.2,
  // and TLS 1.2's 2^14 + 2048).
  static constexpr std::size_t kMaxRecord = 5 + kMaxPlaintext + 2048;
  // Room for plaintext with which open() always gets on.
  static constexpr std::size_t kMinPlaintextRoom = kMaxPlaintext + 1;

  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Upper bound of what seal() writes for `n` bytes of plaintext.
  static constexpr std::size_t sealed_size(std::size_t n) {
    return n + (n / kMaxPlaintext + 1) * kMaxOverhead + kMaxControl;
  }

  // Writes waiting control records, then all of `plaintext` as records of at most kMaxPlaintext,
  // into `out`, which must have sealed_size(plaintext.size()) bytes and not overlap. Returns the
  // bytes written. With empty plaintext, only what control() announces. Errc::closed after close()
  // or a fatal error, when there is plaintext; Errc::tls when the key's limits are reached.
  virtual Result<std::size_t> seal(Bytes plaintext, MutableBytes out) = 0;

  // True when records of our own must go out (answers to key updates, the alert that follows an
  // error of open()): call seal(), if only with nothing. Check after every open().
  virtual bool has_control() const = 0;

  // Reads the complete records at the start of `ciphertext`, as many as find room, into
  // `plaintext`, which must not overlap. What is not consumed must be presented again, with more
  // behind it. Call again until it consumes nothing: it stops early when room ends or a
  // faulty record follows good ones. `ciphertext` may be overwritten where it was consumed.
  // After `closed`, everything is consumed and dropped.
  // Errors: Errc::tls for a faulty record (the fatal alert then waits in has_control()) and for a
  // fatal alert of the peer, whose name is in the detail. An error is final.
  virtual Result<Opened> open(MutableBytes ciphertext, MutableBytes plaintext) = 0;

  // Writes close_notify behind waiting control records into `out` (kMaxControl bytes); returns the
  // bytes written, 0 if already closed. Reading stays possible.
  virtual std::size_t close(MutableBytes out) = 0;

  // Writes a fatal alert into `out` (kMaxControl bytes) and ends both directions. Returns the bytes
  // written, 0 if sending has ended already.
  virtual std::size_t alert(Alert description, MutableBytes out) = 0;

  // "own" or "openssl".
  virtual std::string_view records() const = 0;

 protected:
  Channel() = default;
};

}  // namespace culvert::tls
