// Reading a small file that somebody else may be writing at this moment.
#pragma once

#include "culvert/base/result.hpp"

#include <string>

namespace culvert {

// The whole content of the regular file that `path` leads to. Errc::not_found, permission, io;
// Errc::invalid for a directory, pipe or device; Errc::limit above 256 MiB; Errc::unavailable when
// it was written to meanwhile: look again later. Blocks on the disk: never on a worker.
Result<std::string> read_file(const std::string& path);

}  // namespace culvert
