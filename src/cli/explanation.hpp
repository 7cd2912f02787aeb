// What a daemon would do with a connection, and why: its own decisions, over what its config dump
// says that it knows. No I/O.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace culvert::cli {

// In sentences, one a line. `source` is a workload of the mesh: "namespace/name" or one of its
// addresses; `destination` is what its application connects to. Of several endpoints one is chosen
// as the daemon would choose, so that it may be another the next time. Errc::not_found: no such
// workload, or more than one; Errc::invalid: not a dump that can be understood.
Result<std::string> explain(const nlohmann::json& dump, const std::string& source,
                            const SocketAddress& destination);

}  // namespace culvert::cli
