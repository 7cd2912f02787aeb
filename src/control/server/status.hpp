// gRPC's verdicts in this project's words.
#pragma once

#include "culvert/base/result.hpp"

#include <string_view>

namespace grpc {
class Status;
}

namespace culvert::control {

// timed_out (DEADLINE_EXCEEDED), unavailable, cancelled, refused (the server understood and said
// no), otherwise protocol. The detail is "<who>: <CODE>: <message>".
Error to_error(const grpc::Status& status, std::string_view who);

}  // namespace culvert::control
