// What each server answers to each path: pure functions of a request and the hooks.
#pragma once

#include "admin/http.hpp"
#include "culvert/admin/server.hpp"

#include <string>
#include <string_view>

namespace culvert::admin {

// Port 15000. `log_filter` is what /logging?reset goes back to.
HttpReply answer_admin(const HttpRequest& request, const Hooks& hooks, std::string_view log_filter);
// Port 15020.
HttpReply answer_stats(const HttpRequest& request, const Hooks& hooks);
// Port 15021.
HttpReply answer_readiness(const HttpRequest& request, const Hooks& hooks);

// Whether the caller is root or the user that this process runs as: loopback may be shared with
// others.
bool may_order(const HttpRequest& request);
// What everybody else gets who gives an order.
HttpReply forbidden();

// /logging: shows or changes the filter in force.
HttpReply answer_logging(const HttpRequest& request, std::string_view log_filter);

}  // namespace culvert::admin
