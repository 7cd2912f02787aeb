// Runs nftables commands in the calling thread's network namespace.
#pragma once

#include "culvert/base/result.hpp"

#include <string>
#include <string_view>

namespace culvert::host {

// Runs `commands` (newline separated) as one transaction: all of it or nothing. The value is what
// they printed. Errors: Errc::permission, unsupported (with what to load), io with nftables' own
// first line.
Result<std::string> run_nft(const std::string& commands);

// The Error for what nftables printed. Split off for tests.
Error nft_error(std::string_view printed);

}  // namespace culvert::host
