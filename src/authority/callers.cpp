#include "authority/callers.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace culvert::authority {
namespace {

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlanks) - begin + 1);
}

// Characters that survive in an HTTP header as one word.
bool is_word(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y;
  });
}

}  // namespace

CallerBook::Digest CallerBook::digest(std::string_view token) {
  Digest out;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), out.data());
  return out;
}

Result<CallerBook> CallerBook::parse(std::string_view text, std::string_view file) {
  CallerBook book;
  int number = 0;
  const auto bad = [&](std::string_view reason) {
    return fail(Errc::invalid,
                std::string(file) + ":" + std::to_string(number) + ": " + std::string(reason));
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    const bool bound = colon != std::string_view::npos;
    const auto node = bound ? line.substr(0, colon) : std::string_view();
    const auto token = bound ? line.substr(colon + 1) : line;
    if (bound && !is_word(node)) return bad("node: must be a word in front of the colon");
    if (!is_word(token)) return bad("token: must be one word of printable ASCII");
    const auto key = digest(token);
    for (const auto& entry : book.entries_)
      if (entry.digest == key) return bad("token: is in an earlier line already");
    book.entries_.push_back({key, std::string(node)});
  }
  if (book.entries_.empty())
    return fail(Errc::invalid, std::string(file) + ": holds no token (one per line)");
  return book;
}

Result<Caller> CallerBook::authenticate(std::string_view authorization) const {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.empty())
    return fail(Errc::identity, "no token: send the header 'authorization: Bearer TOKEN'");
  if (!equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme))
    return fail(Errc::identity, "the authorization header is not of the form 'Bearer TOKEN'");
  // Digests first, so that neither length nor content of a token shows in the time it takes.
  const auto key = digest(trimmed(authorization.substr(kScheme.size())));
  const Entry* match = nullptr;
  for (const auto& entry : entries_)
    if (CRYPTO_memcmp(entry.digest.data(), key.data(), key.size()) == 0) match = &entry;
  if (match == nullptr) return fail(Errc::identity, "unknown token");
  return Caller{match->node};
}

}  // namespace culvert::authority
