// Comparing one connection with one match of a policy, without allocating.
#pragma once

#include "culvert/state/authorize.hpp"

#include <array>
#include <string_view>

namespace culvert::state {

// A string in pieces, compared as if they were joined.
using Pieces = std::array<std::string_view, 5>;

// The principal "td/ns/n/sa/s" in pieces; all empty without identity. Views into `identity`.
Pieces principal_pieces(const Identity* identity);

// Whether the joined pieces satisfy `match`.
bool matches(const StringMatch& match, const Pieces& text);

// Whether one match (attributes AND, values OR, negative values none) is true.
bool matches(const Match& match, const ConnectionFacts& facts);

}  // namespace culvert::state
