// Reads what a server's certificate must be signed by. Without gRPC, so that it is cheap to test.
#pragma once

#include "culvert/base/result.hpp"

#include <string>

namespace culvert::control {

// PEM text for the setting `root`: the contents of an existing file, the machine's trust store for
// "SYSTEM", otherwise the setting itself. Errc::io (not readable) or invalid (no certificate in
// it). Reads files: control thread, at every attempt.
Result<std::string> read_roots(const std::string& root);

}  // namespace culvert::control
