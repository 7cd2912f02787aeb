// Who calls: bearer tokens, and the node that each is bound to. Authentication for xDS and CA.
#pragma once

#include "culvert/base/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::authority {

// An authenticated caller. An empty node may act for every workload of the mesh.
struct Caller {
  std::string node;
};

// The tokens of one token file. Constant after construction; only digests are kept in memory.
class CallerBook {
 public:
  // Reads lines `TOKEN` or `NODE:TOKEN`; blank lines and lines that start with '#' do not count.
  // Errc::invalid names `file` and the line: a token that is empty or holds blanks or control
  // characters, an empty node, a token given twice, or no token at all. Never quotes a token.
  static Result<CallerBook> parse(std::string_view text, std::string_view file);

  // Who sends `authorization` (the value of that header, "Bearer TOKEN"; the scheme in any case,
  // RFC 7235 section 2.1). Errc::identity with a text for the caller when it is nobody. Takes the
  // same time whichever token matches.
  Result<Caller> authenticate(std::string_view authorization) const;

  std::size_t size() const { return entries_.size(); }

 private:
  using Digest = std::array<std::uint8_t, 32>;  // SHA-256
  struct Entry {
    Digest digest;
    std::string node;
  };
  static Digest digest(std::string_view token);

  std::vector<Entry> entries_;
};

}  // namespace culvert::authority
