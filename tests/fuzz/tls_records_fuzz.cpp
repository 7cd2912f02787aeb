// Opens arbitrary records, through real keys: what the input holds is sealed as the peer would seal
// it, so that the fuzzer gets behind the authentication, and then also presented raw.
#include "culvert/tls/aead.hpp"
#include "tls/record_channel.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace culvert;
using namespace culvert::tls;

constexpr std::size_t kMost = 1 << 17;

void require(bool good) {
  if (!good) std::abort();
}

// Presents `wire` in two pieces that meet at `cut`, as a caller would, and checks the bookkeeping.
void read_all(RecordChannel& channel, std::vector<std::uint8_t> wire, std::size_t cut) {
  std::vector<std::uint8_t> room(Channel::kMinPlaintextRoom + cut % 40000);
  std::vector<std::uint8_t> control(Channel::sealed_size(0));
  std::size_t at = 0;
  for (std::size_t end : {std::min(cut, wire.size()), wire.size()}) {
    for (;;) {
      const auto opened = channel.open(MutableBytes(wire).subspan(at, end - at), room);
      if (channel.has_control()) require(channel.seal({}, control).has_value());
      if (!opened) {
        require(channel.open(wire, room).has_error());
        return;
      }
      require(opened->consumed <= end - at && opened->produced <= room.size());
      require(opened->produced <= opened->consumed);
      at += opened->consumed;
      if (opened->consumed == 0) break;
    }
  }
}

// Splits the input into records: type, padding, length, content.
std::vector<std::uint8_t> seal_as_peer(RecordState state, Bytes input) {
  std::vector<std::uint8_t> wire;
  while (input.size() >= 4) {
    const std::size_t length =
        std::min<std::size_t>(static_cast<std::size_t>(input[2]) << 8 | input[3], input.size() - 4);
    std::vector<std::uint8_t> inner(input.begin() + 4,
                                    input.begin() + 4 + static_cast<std::ptrdiff_t>(length));
    inner.push_back(input[0]);
    inner.resize(inner.size() + input[1]);
    const std::size_t size = inner.size() + Aead::kTag;
    const std::vector<std::uint8_t> header{23, 3, 3, static_cast<std::uint8_t>(size >> 8),
                                           static_cast<std::uint8_t>(size)};
    const auto start = wire.size();
    wire.resize(start + 5 + size);
    std::copy(header.begin(), header.end(), wire.begin() + static_cast<std::ptrdiff_t>(start));
    TrafficKey key;
    require(expand_label(state.suite, state.read.secret.first(32), "key", key.first(16)));
    require(expand_label(state.suite, state.read.secret.first(32), "iv", state.read.iv));
    Aead::Nonce nonce = state.read.iv;
    for (std::size_t i = 0; i < 8; ++i)
      nonce[11 - i] ^= static_cast<std::uint8_t>(state.read.sequence >> (8 * i));
    require((*make_aead(key.first(16)))
                ->seal(nonce, header, Bytes(inner).first(inner.size() - 1), inner.back(),
                       wire.data() + start + 5));
    ++state.read.sequence;
    // A whole key update alone in its record changes the key, as it does for the reader.
    if (input[0] == 22 && length == 5 && input[4] == 24) {
      require(next_secret(state.suite, state.read.secret));
      state.read.sequence = 0;
    }
    input = input.subspan(4 + length);
    if (wire.size() > kMost) break;
  }
  return wire;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::vector<std::uint8_t> secret(32, 7);
  const bool client = (data[0] & 1) != 0;
  const std::size_t cut = static_cast<std::size_t>(data[1]) << 8 | data[2];
  const Bytes input(data + 3, size - 3);
  const auto state = RecordChannel::initial(Suite::aes128_gcm_sha256, client, secret, secret);
  const auto raw = RecordChannel::create(state);
  require(raw.has_value());
  read_all(**raw, std::vector<std::uint8_t>(input.begin(), input.end()), cut);
  const auto sealed = RecordChannel::create(state, 3);
  require(sealed.has_value());
  read_all(**sealed, seal_as_peer(state, input), cut);
  return 0;
}
