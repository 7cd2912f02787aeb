// What both gRPC services share: credentials in, status out.
#pragma once

#include "culvert/base/result.hpp"

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

namespace culvert::authority {

// The caller's authorization header; empty when absent or given more than once.
std::string authorization_of(const grpc::ServerContextBase& context);

// Invalid -> INVALID_ARGUMENT, identity -> UNAUTHENTICATED, denied -> PERMISSION_DENIED, limit ->
// RESOURCE_EXHAUSTED, unavailable and cancelled -> UNAVAILABLE, anything else -> INTERNAL. The text
// goes to the caller.
grpc::Status to_status(const Error& error);

}  // namespace culvert::authority
