// Small files that matter: written whole or not at all, never over something that exists.
#pragma once

#include "culvert/base/result.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace culvert::authority {

// A secret may be open to its owner only: Errc::invalid when it is not, with what to do.
Result<void> check_private(const std::filesystem::path& path);

// Makes `path` with exactly `mode`, whatever the umask, and `content`, on disk before it is
// visible. Errc::invalid when something of that name exists: it stays as it is. The caller is the
// only writer of that directory.
Result<void> create_file(const std::filesystem::path& path, mode_t mode, std::string_view content);

}  // namespace culvert::authority
