#include "tls/record_channel.hpp"

#include <algorithm>
#include <limits>

namespace culvert::tls {
namespace {

// RFC 8446 section 5.1.
constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kApplicationData = 23;
constexpr std::size_t kHeader = 5;
constexpr std::size_t kMaxInner = Channel::kMaxPlaintext + 1;  // with its content type
constexpr std::uint8_t kWarning = 1;
constexpr std::uint8_t kFatal = 2;

std::array<std::uint8_t, kHeader> header_for(std::size_t length) {
  return {kApplicationData, 3, 3, static_cast<std::uint8_t>(length >> 8),
          static_cast<std::uint8_t>(length)};
}

// The IV with the sequence number over its last eight bytes (section 5.3).
Aead::Nonce nonce_of(const DirectionState& direction) {
  Aead::Nonce nonce = direction.iv;
  for (std::size_t i = 0; i < 8; ++i)
    nonce[nonce.size() - 1 - i] ^= static_cast<std::uint8_t>(direction.sequence >> (8 * i));
  return nonce;
}

}  // namespace

RecordState RecordChannel::initial(Suite suite, bool client, Bytes client_secret,
                                   Bytes server_secret) {
  RecordState state;
  state.suite = suite;
  state.client = client;
  const Bytes read = client ? server_secret : client_secret;
  const Bytes write = client ? client_secret : server_secret;
  std::copy(read.begin(), read.end(), state.read.secret.bytes.begin());
  std::copy(write.begin(), write.end(), state.write.secret.bytes.begin());
  return state;
}

RecordChannel::RecordChannel(RecordState state, std::uint64_t records_per_key,
                             std::optional<AeadBackend> backend)
    : records_per_key_(records_per_key), backend_(backend), state_(std::move(state)) {}

Result<std::unique_ptr<RecordChannel>> RecordChannel::create(RecordState state,
                                                             std::uint64_t records_per_key,
                                                             std::optional<AeadBackend> backend) {
  std::unique_ptr<RecordChannel> made(
      new RecordChannel(std::move(state), records_per_key, backend));
  if (!made->install_key(made->state_.read, made->opener_) ||
      !made->install_key(made->state_.write, made->sealer_))
    return fail(Errc::tls, "deriving record keys failed");
  return made;
}

bool RecordChannel::install_key(DirectionState& direction, std::unique_ptr<Aead>& aead) {
  const Bytes secret = direction.secret.first(hash_size(state_.suite));
  TrafficKey key;
  const MutableBytes bytes = key.first(key_size(state_.suite));
  if (!expand_label(state_.suite, secret, "key", bytes) ||
      !expand_label(state_.suite, secret, "iv", direction.iv))
    return false;
  auto made = backend_ ? make_aead(*backend_, bytes) : make_aead(bytes);
  if (!made) return false;
  aead = *std::move(made);
  return true;
}

bool RecordChannel::advance_key(DirectionState& direction, std::unique_ptr<Aead>& aead) {
  direction.sequence = 0;
  return next_secret(state_.suite, direction.secret) && install_key(direction, aead);
}

// Writing. A record that the crypto library cannot make is 0 bytes, and ends the direction: no key
// is ever used in an unknown state.

std::size_t RecordChannel::write_record(std::uint8_t type, Bytes content, MutableBytes out) {
  DirectionState& direction = state_.write;
  if (direction.ended) return 0;
  const std::size_t length = content.size() + 1 + Aead::kTag;
  const auto header = header_for(length);
  std::copy(header.begin(), header.end(), out.begin());
  if (!sealer_->seal(nonce_of(direction), header, content, type, out.data() + kHeader)) {
    direction.ended = true;
    return 0;
  }
  ++direction.sequence;
  return kHeader + length;
}

std::size_t RecordChannel::write_key_update(MutableBytes out) {
  static constexpr std::array<std::uint8_t, 5> kMessage{24, 0, 0, 1, 0};  // update_not_requested
  const std::size_t written = write_record(kHandshake, kMessage, out);
  state_.owes_key_update = false;
  if (written > 0 && !advance_key(state_.write, sealer_)) state_.write.ended = true;
  return written;
}

std::size_t RecordChannel::write_alert(std::uint8_t level, Alert description, MutableBytes out) {
  const std::array<std::uint8_t, 2> content{level, static_cast<std::uint8_t>(description)};
  const std::size_t written = write_record(kAlert, content, out);
  state_.write.ended = true;
  return written;
}

bool RecordChannel::has_control() const {
  return !state_.write.ended && (state_.owes_key_update || state_.alert != 0);
}

std::size_t RecordChannel::write_control(MutableBytes out) {
  if (state_.write.ended) return 0;
  if (state_.alert != 0) return write_alert(kFatal, static_cast<Alert>(state_.alert), out);
  return state_.owes_key_update ? write_key_update(out) : 0;
}

Result<std::size_t> RecordChannel::seal(Bytes plaintext, MutableBytes out) {
  if (out.size() < sealed_size(plaintext.size()))
    return fail(Errc::limit, "output buffer too small for the records");
  std::size_t written = 0;
  if (!plaintext.empty()) {
    if (state_.write.ended || state_.alert != 0)
      return fail(Errc::closed, "the sending direction has ended");
    const std::uint64_t records = (plaintext.size() + kMaxPlaintext - 1) / kMaxPlaintext;
    if (state_.write.sequence > 0 && state_.write.sequence + records > records_per_key_)
      state_.owes_key_update = true;
  }
  written += write_control(out);
  while (!plaintext.empty()) {
    const Bytes content = plaintext.first(std::min(plaintext.size(), kMaxPlaintext));
    const std::size_t size = write_record(kApplicationData, content, out.subspan(written));
    if (size == 0) return fail(Errc::tls, "sealing a record failed");
    written += size;
    plaintext = plaintext.subspan(content.size());
  }
  return written;
}

std::size_t RecordChannel::close(MutableBytes out) {
  if (state_.write.ended || out.size() < kMaxControl) return 0;
  const std::size_t written = write_control(out);
  return written + (state_.write.ended
                        ? 0
                        : write_alert(kWarning, Alert::close_notify, out.subspan(written)));
}

std::size_t RecordChannel::alert(Alert description, MutableBytes out) {
  if (state_.write.ended || out.size() < kMaxControl) return 0;
  state_.read.ended = true;
  return write_alert(kFatal, description, out);
}

// Reading.

Result<Opened> RecordChannel::open(MutableBytes ciphertext, MutableBytes plaintext) {
  Opened opened;
  Step step = Step::done;
  while (step == Step::done && !state_.read.ended)
    step = failure_ ? Step::failed : open_record(ciphertext, plaintext, opened);
  // What came before a faulty record is good and is delivered first; the failure is kept.
  if (step == Step::failed && opened.consumed == 0) return *failure_;
  if (state_.read.ended && step != Step::failed) {
    opened.consumed = ciphertext.size();
    opened.closed = true;
  }
  return opened;
}

RecordChannel::Step RecordChannel::open_record(MutableBytes ciphertext, MutableBytes plaintext,
                                               Opened& opened) {
  const MutableBytes rest = ciphertext.subspan(opened.consumed);
  if (rest.size() < kHeader) return Step::incomplete;
  const auto header = rest.first(kHeader);
  // The version is ignored, as section 5.1 wants; it is authenticated anyway.
  if (header[0] != kApplicationData)
    return fail_with(Alert::unexpected_message, "record of an unprotected type");
  const std::size_t length = static_cast<std::size_t>(header[3]) << 8 | header[4];
  if (length > kMaxInner + Aead::kTag) return fail_with(Alert::record_overflow, "record too long");
  if (length < 1 + Aead::kTag) return fail_with(Alert::bad_record_mac, "record too short");
  if (rest.size() < kHeader + length) return Step::incomplete;
  std::size_t size = length - Aead::kTag;
  const MutableBytes room = plaintext.subspan(opened.produced);
  if (room.size() < size) return Step::no_room;
  if (state_.read.sequence == std::numeric_limits<std::uint64_t>::max())
    return fail_with(Alert::unexpected_message, "sequence numbers are used up");
  if (!opener_->open(nonce_of(state_.read), header, rest.subspan(kHeader, length), room.data()))
    return fail_with(Alert::bad_record_mac, "record does not authenticate");
  ++state_.read.sequence;
  while (size > 0 && room[size - 1] == 0) --size;  // padding
  if (size == 0) return fail_with(Alert::unexpected_message, "record without a content type");
  const Step step = on_content(room[size - 1], room.first(size - 1), opened);
  if (step == Step::done) opened.consumed += kHeader + length;
  return step;
}

RecordChannel::Step RecordChannel::on_content(std::uint8_t type, Bytes content, Opened& opened) {
  if (++state_.idle_records > kMaxIdleRecords)
    return fail_with(Alert::unexpected_message, "too many records without data");
  if (type == kHandshake) return on_handshake(content);
  if (state_.messages.partial())
    return fail_with(Alert::unexpected_message, "record inside a handshake message");
  if (type == kAlert) return on_alert(content, opened);
  if (type != kApplicationData)
    return fail_with(Alert::unexpected_message, "record of an unknown content type");
  if (!content.empty()) state_.idle_records = 0;
  opened.produced += content.size();
  return Step::done;
}

RecordChannel::Step RecordChannel::on_handshake(Bytes content) {
  if (content.empty()) return fail_with(Alert::unexpected_message, "empty handshake record");
  const auto outcome = state_.messages.read(content, state_.client);
  if (outcome.error) return fail_with(*outcome.error, outcome.reason);
  if (!outcome.key_update) return Step::done;
  // One answer is enough for several requests (section 4.6.3).
  if (outcome.update_requested) state_.owes_key_update = true;
  if (!advance_key(state_.read, opener_))
    return fail_with(Alert::internal_error, "deriving the peer's next key failed");
  return Step::done;
}

RecordChannel::Step RecordChannel::on_alert(Bytes content, Opened& opened) {
  if (content.size() != 2) return fail_with(Alert::decode_error, "alert of a wrong size");
  const auto description = static_cast<Alert>(content[1]);
  if (description == Alert::user_canceled) return Step::done;  // close_notify follows
  if (description == Alert::close_notify) {
    state_.read.ended = true;
    opened.closed = true;
    return Step::done;
  }
  // Every other one is fatal, whatever its level says (section 6), and is not answered.
  state_.write.ended = true;
  failure_ =
      std::make_unique<Error>(Errc::tls, "peer sent alert " + std::string(alert_name(content[1])));
  return Step::failed;
}

RecordChannel::Step RecordChannel::fail_with(Alert description, std::string_view reason) {
  failure_ = std::make_unique<Error>(Errc::tls, std::string(reason));
  state_.alert = static_cast<std::uint8_t>(description);
  return Step::failed;
}

}  // namespace culvert::tls
