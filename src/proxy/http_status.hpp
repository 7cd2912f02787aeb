// Names of the HTTP statuses that CONNECT answers carry, for logs.
#pragma once

#include <string>

namespace culvert::proxy {

// "401 Unauthorized"; just the number for statuses that tunnels do not use.
inline std::string http_status_text(int status) {
  const char* name = status == 400   ? " Bad Request"
                     : status == 401 ? " Unauthorized"
                     : status == 403 ? " Forbidden"
                     : status == 404 ? " Not Found"
                     : status == 500 ? " Internal Server Error"
                     : status == 502 ? " Bad Gateway"
                     : status == 503 ? " Service Unavailable"
                     : status == 504 ? " Gateway Timeout"
                                     : "";
  return std::to_string(status) + name;
}

}  // namespace culvert::proxy
