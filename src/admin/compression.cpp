#include "admin/compression.hpp"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace culvert::admin {

namespace {

// Below this a packet is a packet.
constexpr std::size_t kWorthIt = 860;

// How hard each tries: what compresses a page of metrics about as well as the others, in about the
// time that making the page took.
constexpr int kZlibLevel = 4;
constexpr int kBrotliQuality = 3;
constexpr int kZstdLevel = 3;

// zlib's window size selects the format: +16 is gzip, the plain value is what HTTP calls deflate.
bool zlib_into(std::string& out, std::string_view in, int window_bits) {
  z_stream stream{};
  if (in.size() > std::numeric_limits<uInt>::max()) return false;
  if (deflateInit2(&stream, kZlibLevel, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return false;
  out.resize(deflateBound(&stream, static_cast<uLong>(in.size())));
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = ::deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return done;
}

bool deflate_into(std::string& out, std::string_view in) { return zlib_into(out, in, 15); }
bool gzip_into(std::string& out, std::string_view in) { return zlib_into(out, in, 15 + 16); }

bool brotli_into(std::string& out, std::string_view in) {
  auto size = BrotliEncoderMaxCompressedSize(in.size());
  out.resize(size);
  const bool done =
      BrotliEncoderCompress(kBrotliQuality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, in.size(),
                            reinterpret_cast<const std::uint8_t*>(in.data()), &size,
                            reinterpret_cast<std::uint8_t*>(out.data())) == BROTLI_TRUE;
  out.resize(done ? size : 0);
  return done;
}

bool zstd_into(std::string& out, std::string_view in) {
  out.resize(ZSTD_compressBound(in.size()));
  const auto size = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), kZstdLevel);
  const bool done = ZSTD_isError(size) == 0;
  out.resize(done ? size : 0);
  return done;
}

struct Coding {
  std::string_view name;
  bool (*compress_into)(std::string& out, std::string_view in);
};
// The best first.
constexpr std::array kCodings = {Coding{"zstd", zstd_into}, Coding{"br", brotli_into},
                                 Coding{"gzip", gzip_into}, Coding{"deflate", deflate_into}};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Thousandths out of "q=0.5"; 1000 where there is none. What is no weight refuses.
int weight_of(std::string_view parameter) {
  parameter = trim(parameter);
  if (parameter.empty()) return 1000;
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return 0;
  parameter.remove_prefix(2);
  if (parameter.empty() || (parameter[0] != '0' && parameter[0] != '1')) return 0;
  int weight = (parameter[0] - '0') * 1000;
  if (parameter.size() == 1) return weight;
  if (parameter[1] != '.' || parameter.size() > 5) return 0;
  int step = 100;
  for (const char digit : parameter.substr(2)) {
    if (digit < '0' || digit > '9') return 0;
    weight += (digit - '0') * step;
    step /= 10;
  }
  return std::min(weight, 1000);
}

bool same_word(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

// The weight that the field gives to `coding`; nothing when it does not name it.
std::optional<int> find_weight(std::string_view field, std::string_view coding) {
  while (!field.empty()) {
    const auto end = std::min(field.find(','), field.size());
    const auto item = field.substr(0, end);
    field.remove_prefix(std::min(end + 1, field.size()));
    const auto semicolon = std::min(item.find(';'), item.size());
    if (!same_word(trim(item.substr(0, semicolon)), coding)) continue;
    return weight_of(item.substr(std::min(semicolon + 1, item.size())));
  }
  return std::nullopt;
}

const Coding* find_coding(std::string_view accept_encoding) {
  const int others = find_weight(accept_encoding, "*").value_or(0);
  const Coding* best = nullptr;
  // What is not compressed weighs something only where the client says so.
  int most = find_weight(accept_encoding, "identity").value_or(0);
  for (const Coding& coding : kCodings) {
    const int weight = find_weight(accept_encoding, coding.name).value_or(others);
    if (weight == 0 || weight < most || (best != nullptr && weight == most)) continue;
    best = &coding;
    most = weight;
  }
  return best;
}

}  // namespace

std::string_view choose_encoding(std::string_view accept_encoding) {
  const auto* coding = find_coding(accept_encoding);
  return coding == nullptr ? std::string_view() : coding->name;
}

std::optional<std::string> gzip(std::string_view text) {
  std::string smaller;
  if (!gzip_into(smaller, text)) return std::nullopt;
  return smaller;
}

void compress(HttpReply& reply, std::string_view accept_encoding) {
  const auto* coding = find_coding(accept_encoding);
  if (coding == nullptr || reply.body.size() < kWorthIt) return;
  std::string smaller;
  if (!coding->compress_into(smaller, reply.body)) return;
  reply.body = std::move(smaller);
  reply.content_encoding = coding->name;
}

}  // namespace culvert::admin
