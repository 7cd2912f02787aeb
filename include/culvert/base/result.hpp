// The one error type of the project. Peers, kernel and control plane misbehave in ways that are
// normal traffic, so failures travel as values: no exception crosses a module border.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace culvert {

// What kind of failure it was: what callers branch on. `response_flag()` in metrics and the access
// log derive from it.
enum class Errc : std::uint8_t {
  invalid,      // bad input from configuration or a caller
  protocol,     // a peer broke a protocol
  io,           // a system call failed
  timed_out,    // a deadline passed
  refused,      // a peer said no (TCP refusal, HTTP status)
  reset,        // a peer ended the connection abruptly
  closed,       // orderly end where more was expected
  denied,       // authorization policy
  identity,     // no certificate to be had
  tls,          // TLS handshake or record failure
  h2,           // HTTP/2 failure
  not_found,    // something named does not exist
  limit,        // a configured bound was reached
  unavailable,  // temporarily impossible: try again
  cancelled,    // our own side is ending it (drain, pod removal)
  revoked,      // peer certificate revoked
  unsupported,  // a missing kernel or library feature
  permission,   // a missing privilege
};

// The stable lower-case name of `code`, for logs and tests.
std::string_view to_string(Errc code);

// A failure and what an operator can act on. A constructor on purpose: g++ 12 miscompiles
// aggregate temporaries in statements that contain co_await.
struct Error {
  Error(Errc c = Errc::protocol, std::string d = {}) : code(c), detail(std::move(d)) {}
  Errc code;
  std::string detail;  // what happened and what to do; the caller adds who and where

  // The same failure, with `context` and ": " in front of the detail.
  Error with(std::string_view context) const {
    return Error(code, std::string(context) + ": " + detail);
  }
};

// Either a value or an Error. Only the subset shared with std::expected is used: bool, *, ->,
// has_value(), has_error(), value(), error().
template <class T>
using Result = boost::system::result<T, Error>;

// Makes the error side of a Result.
inline Error fail(Errc code, std::string detail = {}) { return Error(code, std::move(detail)); }

// An Errc::io error (or permission, timed_out, refused, reset where errno says so) with strerror
// text behind `what`.
Error fail_errno(std::string_view what, int error_number);

// boost::system::result calls this when value() is used on an error: our own bug, so abort.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& at);

}  // namespace culvert
