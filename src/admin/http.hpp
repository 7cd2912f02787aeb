// Requests and replies as values, so that every endpoint is a function that needs no socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::admin {

struct HttpRequest {
  std::string method;  // as sent: "GET"
  std::string path;    // without the query
  std::string query;   // behind the '?', undecoded
  std::string accept;
  std::string accept_encoding;
  // The user who asks, as far as it can be told; asked for only where it matters.
  std::function<std::optional<std::uint32_t>()> caller{};
};

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string content_encoding{};  // empty: as it is
  std::string body{};
  // Set when the answer takes its time: what the server asks again and again for the reply to give
  // in place of this one, which is null until it is there. Others are served meanwhile.
  std::function<std::shared_ptr<HttpReply>()> later{};
};

using HttpHandler = std::function<HttpReply(const HttpRequest&)>;

}  // namespace culvert::admin
