#include "admin/compression.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace culvert::admin {

namespace {

// Below this a packet is a packet.
constexpr std::size_t kWorthIt = 860;

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// True for "q=0", "q=0.0", "q=0.000".
bool weight_is_zero(std::string_view parameter) {
  parameter = trim(parameter);
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return false;
  parameter.remove_prefix(2);
  return !parameter.empty() && parameter.find_first_not_of("0.") == std::string_view::npos;
}

// zlib's window size selects the format: +16 is gzip, the plain value is what HTTP calls deflate.
bool deflate_into(std::string& out, std::string_view in, bool gzip) {
  z_stream stream{};
  if (in.size() > std::numeric_limits<uInt>::max()) return false;
  if (deflateInit2(&stream, 4, Z_DEFLATED, 15 + (gzip ? 16 : 0), 8, Z_DEFAULT_STRATEGY) != Z_OK)
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

}  // namespace

std::string_view choose_encoding(std::string_view accept_encoding) {
  bool deflate = false;
  while (!accept_encoding.empty()) {
    const auto end = std::min(accept_encoding.find(','), accept_encoding.size());
    const auto item = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const auto semicolon = std::min(item.find(';'), item.size());
    const auto coding = trim(item.substr(0, semicolon));
    if (semicolon < item.size() && weight_is_zero(item.substr(semicolon + 1))) continue;
    if (coding == "gzip") return "gzip";
    deflate = deflate || coding == "deflate";
  }
  return deflate ? "deflate" : "";
}

void compress(HttpReply& reply, std::string_view accept_encoding) {
  const auto coding = choose_encoding(accept_encoding);
  if (coding.empty() || reply.body.size() < kWorthIt) return;
  std::string smaller;
  if (!deflate_into(smaller, reply.body, coding == "gzip")) return;
  reply.body = std::move(smaller);
  reply.content_encoding = coding;
}

}  // namespace culvert::admin
