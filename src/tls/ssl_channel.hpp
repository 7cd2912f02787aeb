// OpenSSL's own record layer behind the Channel interface: for TLS 1.2, as the fallback that an
// operator can ask for, and as what the own record layer is compared with.
#pragma once

#include "culvert/tls/channel.hpp"
#include "tls/memory_bio.hpp"
#include "tls/openssl.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace culvert::tls {

// Costs about 30 KB a connection and two copies a byte more than RecordChannel.
class SslChannel final : public Channel {
 public:
  // `ssl` has finished its handshake over `bytes`.
  SslChannel(SslPtr ssl, std::unique_ptr<BioBytes> bytes);
  ~SslChannel() override;

  Result<std::size_t> seal(Bytes plaintext, MutableBytes out) override;
  bool has_control() const override { return !waiting_.empty(); }
  Result<Opened> open(MutableBytes ciphertext, MutableBytes plaintext) override;
  std::size_t close(MutableBytes out) override;
  // OpenSSL has no way to send an alert of the caller's choice: a close_notify goes out instead.
  std::size_t alert(Alert description, MutableBytes out) override;
  std::string_view records() const override { return "openssl"; }

 private:
  static constexpr std::size_t kMostAnswers = 16384;  // bytes

  Result<std::size_t> flush(MutableBytes out);
  Error failure(int result);
  bool answers_too_much();

  std::unique_ptr<BioBytes> bytes_;    // outlives ssl_
  std::vector<std::uint8_t> waiting_;  // OpenSSL's output until a caller takes it
  SslPtr ssl_;
  std::unique_ptr<Error> failure_;  // set once OpenSSL has failed
  bool write_ended_ = false;
  bool read_ended_ = false;
};

}  // namespace culvert::tls
