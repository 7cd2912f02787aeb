#include "tls/ssl_channel.hpp"

#include "culvert/base/release.hpp"

#include "tls/ssl_failure.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>

namespace culvert::tls {

SslChannel::SslChannel(SslPtr ssl, std::unique_ptr<BioBytes> bytes)
    : bytes_(std::move(bytes)), ssl_(std::move(ssl)) {
  bytes_->input = {};
  bytes_->out = &waiting_;
}

SslChannel::~SslChannel() = default;

Error SslChannel::failure(int result) {
  write_ended_ = true;
  failure_ = std::make_unique<Error>(ssl_failure(ssl_.get(), result));
  return *failure_;
}

// OpenSSL answers some messages by itself (TLS 1.2: with an alert to each renegotiation asked for),
// as often as a peer likes; an honest one makes it say a few.
bool SslChannel::answers_too_much() {
  if (waiting_.size() <= kMostAnswers) return false;
  release(waiting_);
  read_ended_ = write_ended_ = true;
  failure_ = std::make_unique<Error>(fail(Errc::tls, "the peer makes us answer without end"));
  return true;
}

// Moves what OpenSSL wrote to the caller; its capacity is not kept, an idle connection holds none.
Result<std::size_t> SslChannel::flush(MutableBytes out) {
  if (waiting_.size() > out.size())
    return fail(Errc::limit, "output buffer too small for the records");
  const std::size_t size = waiting_.size();
  if (size > 0) std::memcpy(out.data(), waiting_.data(), size);
  release(waiting_);
  return size;
}

Result<std::size_t> SslChannel::seal(Bytes plaintext, MutableBytes out) {
  if (out.size() < sealed_size(plaintext.size()))
    return fail(Errc::limit, "output buffer too small for the records");
  if (!plaintext.empty() && (write_ended_ || failure_))
    return fail(Errc::closed, "the sending direction has ended");
  while (!plaintext.empty()) {
    ERR_clear_error();
    const auto size = std::min(plaintext.size(), kMaxPlaintext);
    const int result = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(size));
    if (result <= 0) return failure(result);
    plaintext = plaintext.subspan(static_cast<std::size_t>(result));
  }
  return flush(out);
}

Result<Opened> SslChannel::open(MutableBytes ciphertext, MutableBytes plaintext) {
  if (failure_) return *failure_;
  Opened opened;
  bytes_->input = ciphertext;
  // With room for a whole record at each read, none stays behind inside OpenSSL.
  while (!read_ended_ && plaintext.size() - opened.produced >= kMinPlaintextRoom) {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), plaintext.data() + opened.produced, kMaxPlaintext);
    if (result > 0) {
      opened.produced += static_cast<std::size_t>(result);
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_WANT_READ) break;
    read_ended_ = true;
    if (why == SSL_ERROR_ZERO_RETURN) break;
    Error error = failure(result);
    if (opened.produced == 0) return error;
  }
  opened.consumed = ciphertext.size() - bytes_->input.size();
  bytes_->input = {};
  if (!failure_ && answers_too_much() && opened.produced == 0) return *failure_;
  if (!read_ended_) return opened;
  // A failure behind good records is told by the next call, and the caller calls while bytes are
  // left: so one is.
  opened.closed = !failure_;
  opened.consumed = failure_ ? std::min(opened.consumed, ciphertext.size() - 1) : ciphertext.size();
  return opened;
}

std::size_t SslChannel::close(MutableBytes out) {
  if (write_ended_ || out.size() < kMaxControl) return 0;
  write_ended_ = true;
  ERR_clear_error();
  SSL_set_quiet_shutdown(ssl_.get(), 0);
  SSL_shutdown(ssl_.get());
  const auto written = flush(out);
  return written ? *written : 0;
}

std::size_t SslChannel::alert(Alert, MutableBytes out) {
  read_ended_ = true;
  return close(out);
}

}  // namespace culvert::tls
