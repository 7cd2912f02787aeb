#include "culvert/base/result.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace culvert {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::protocol:
      return "protocol";
    case Errc::io:
      return "io";
    case Errc::timed_out:
      return "timed out";
    case Errc::refused:
      return "refused";
    case Errc::reset:
      return "reset";
    case Errc::closed:
      return "closed";
    case Errc::denied:
      return "denied";
    case Errc::identity:
      return "identity";
    case Errc::tls:
      return "tls";
    case Errc::h2:
      return "h2";
    case Errc::not_found:
      return "not found";
    case Errc::limit:
      return "limit";
    case Errc::unavailable:
      return "unavailable";
    case Errc::cancelled:
      return "cancelled";
    case Errc::revoked:
      return "revoked";
    case Errc::unsupported:
      return "unsupported";
    case Errc::permission:
      return "permission";
  }
  return "unknown";
}

namespace {

Errc code_of(int error_number) {
  switch (error_number) {
    case EPERM:
    case EACCES:
      return Errc::permission;
    case ETIMEDOUT:
      return Errc::timed_out;
    case ECONNREFUSED:
      return Errc::refused;
    case ECONNRESET:
    case EPIPE:
      return Errc::reset;
    case ENOENT:
      return Errc::not_found;
    case EMFILE:
    case ENFILE:
      return Errc::limit;
    default:
      return Errc::io;
  }
}

}  // namespace

Error fail_errno(std::string_view what, int error_number) {
  char buffer[128];
  const char* text = ::strerror_r(error_number, buffer, sizeof buffer);
  return Error(code_of(error_number), std::string(what) + ": " + text);
}

void throw_exception_from_error(const Error& error, const boost::source_location& at) {
  std::fprintf(stderr, "culvert: value() of a failed result at %s:%u: %s\n", at.file_name(),
               static_cast<unsigned>(at.line()), error.detail.c_str());
  std::abort();
}

}  // namespace culvert
