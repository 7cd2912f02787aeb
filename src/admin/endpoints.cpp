#include "admin/endpoints.hpp"

#include "admin/compression.hpp"

#include <unistd.h>

namespace culvert::admin {

namespace {

constexpr std::string_view kIndex = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>culvert</title></head>
<body>
<h1>culvert</h1>
<table>
<tr><td><a href="config_dump">/config_dump</a></td><td>GET: what the proxy knows, as JSON</td></tr>
<tr><td>/logging</td><td>POST: show the log filter, or change it with ?level=...</td></tr>
<tr><td>/quitquitquit</td><td>POST: drain connections and end</td></tr>
<tr><td>/debug/pprof/profile</td><td>GET: a CPU profile for pprof; ?seconds=1..300 (10)
and &amp;frequency=1..1000 (100) samples a second</td></tr>
<tr><td>/debug/pprof/heap</td><td>GET: who holds memory, for pprof</td></tr>
<tr><td>/debug/pprof/heap/profiling</td><td>GET: whether memory is watched; ?activate=true or false
changes it</td></tr>
</table>
</body>
</html>
)";

HttpReply not_found() { return {404, "", "", ""}; }

HttpReply method_not_allowed(std::string body = {}) {
  HttpReply reply;
  reply.status = 405;
  reply.body = std::move(body);
  return reply;
}

HttpReply text(std::string body, std::string content_type) {
  HttpReply reply;
  reply.content_type = std::move(content_type);
  reply.body = std::move(body);
  return reply;
}

}  // namespace

bool may_order(const HttpRequest& request) {
  const auto caller = request.caller ? request.caller() : std::nullopt;
  return caller && (*caller == 0 || *caller == ::geteuid());
}

HttpReply forbidden() {
  HttpReply reply;
  reply.status = 403;
  reply.body = "only root and the user that this process runs as may do that\n";
  return reply;
}

HttpReply answer_admin(const HttpRequest& request, const Hooks& hooks,
                       std::string_view log_filter) {
  if (request.path == "/") return text(std::string(kIndex), "text/html; charset=utf-8");
  if (request.path == "/config_dump") {
    auto reply = text(hooks.config_dump(), "application/json");
    compress(reply, request.accept_encoding);
    return reply;
  }
  const bool order = request.method == "POST";
  if (order && (request.path == "/logging" || request.path == "/quitquitquit") &&
      !may_order(request)) {
    return forbidden();
  }
  if (request.path == "/logging") return answer_logging(request, log_filter);
  if (request.path == "/quitquitquit") {
    if (request.method != "POST") return method_not_allowed();
    hooks.quit();
    return text("shutdown now\n", "text/plain; charset=utf-8");
  }
  return not_found();
}

HttpReply answer_stats(const HttpRequest& request, const Hooks& hooks) {
  if (request.path != "/metrics" && request.path != "/stats/prometheus") return not_found();
  const bool open_metrics =
      request.accept.find("application/openmetrics-text") != std::string::npos;
  auto reply = text(hooks.metrics(open_metrics ? metrics::Exposition::open_metrics
                                               : metrics::Exposition::prometheus),
                    open_metrics ? "application/openmetrics-text;charset=utf-8;version=1.0.0"
                                 : "text/plain; charset=utf-8");
  compress(reply, request.accept_encoding);
  return reply;
}

HttpReply answer_readiness(const HttpRequest& request, const Hooks& hooks) {
  if (request.path != "/healthz/ready") return not_found();
  if (request.method != "GET") return method_not_allowed();
  HttpReply reply;
  reply.content_type = "text/plain";
  const auto pending = hooks.pending();
  if (pending.empty()) {
    reply.body = "ready\n";
    return reply;
  }
  reply.status = 500;
  reply.body = "not ready, pending: ";
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (i > 0) reply.body += ", ";
    reply.body += pending[i];
  }
  reply.body += '\n';
  return reply;
}

}  // namespace culvert::admin
