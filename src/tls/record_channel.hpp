// The own TLS 1.3 record layer (RFC 8446 section 5): takes over from OpenSSL after the handshake,
// seals straight from the caller's plaintext to its output and opens straight into contiguous
// plaintext, with no buffer in between and no allocation a record.
#pragma once

#include "culvert/tls/aead.hpp"
#include "culvert/tls/channel.hpp"
#include "tls/record_state.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace culvert::tls {

class RecordChannel final : public Channel {
 public:
  // How many records one key of ours may protect before it is updated. AES-GCM's bound is 2^24.5
  // full records (section 5.5); one call of seal() may go past this number, so it stays below.
  static constexpr std::uint64_t kRecordsPerKey = std::uint64_t{1} << 24;
  // How many records in a row without application data are borne: tickets and key updates come
  // singly, a flood of them or of empty records only burns our time.
  static constexpr std::uint32_t kMaxIdleRecords = 64;

  // From the first application traffic secrets, or from an exported state. `backend`: as selected
  // for the process when absent.
  static Result<std::unique_ptr<RecordChannel>> create(
      RecordState state, std::uint64_t records_per_key = kRecordsPerKey,
      std::optional<AeadBackend> backend = std::nullopt);
  // The state at the start of a connection; secrets are hash_size(suite) bytes.
  static RecordState initial(Suite suite, bool client, Bytes client_secret, Bytes server_secret);

  Result<std::size_t> seal(Bytes plaintext, MutableBytes out) override;
  bool has_control() const override;
  Result<Opened> open(MutableBytes ciphertext, MutableBytes plaintext) override;
  std::size_t close(MutableBytes out) override;
  std::size_t alert(Alert description, MutableBytes out) override;
  std::string_view records() const override { return "own"; }

  // For handing the connection to another process: with it, create() carries on.
  const RecordState& state() const { return state_; }

 private:
  // What came of one record.
  enum class Step : std::uint8_t { done, incomplete, no_room, failed };

  RecordChannel(RecordState state, std::uint64_t records_per_key,
                std::optional<AeadBackend> backend);
  bool install_key(DirectionState& direction, std::unique_ptr<Aead>& aead);
  bool advance_key(DirectionState& direction, std::unique_ptr<Aead>& aead);

  std::size_t write_control(MutableBytes out);
  std::size_t write_record(std::uint8_t type, Bytes content, MutableBytes out);
  std::size_t write_key_update(MutableBytes out);
  std::size_t write_alert(std::uint8_t level, Alert description, MutableBytes out);

  Step open_record(MutableBytes ciphertext, MutableBytes plaintext, Opened& opened);
  Step on_content(std::uint8_t type, Bytes content, Opened& opened);
  Step on_handshake(Bytes content);
  Step on_alert(Bytes content, Opened& opened);
  Step fail_with(Alert description, std::string_view reason);

  const std::uint64_t records_per_key_;
  const std::optional<AeadBackend> backend_;
  RecordState state_;
  std::unique_ptr<Aead> sealer_;
  std::unique_ptr<Aead> opener_;
  std::unique_ptr<Error> failure_;  // set once open() has failed
};

}  // namespace culvert::tls
