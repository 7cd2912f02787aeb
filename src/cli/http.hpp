// One HTTP/1.1 request from inside a network namespace: for admin endpoints and the demo.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/base/result.hpp"

#include <chrono>
#include <map>
#include <string>

namespace culvert::cli {

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::map<std::string, std::string> headers;
};

struct HttpResponse {
  unsigned status = 0;
  std::string body;
};

// Connects from the namespace behind `netns_fd` (-1: this one), asks, waits for the whole answer.
// `limit` is for all of it. Errors: Errc::refused, reset, timed_out, io.
Result<HttpResponse> http_exchange(int netns_fd, const SocketAddress& to,
                                   const HttpRequest& request,
                                   std::chrono::milliseconds limit = std::chrono::seconds(30));

}  // namespace culvert::cli
