#include "admin/endpoints.hpp"
#include "admin/url.hpp"
#include "culvert/base/log.hpp"

namespace culvert::admin {

namespace {

constexpr std::string_view kUsage = R"(
Usage: POST /logging                       show the log filter in force
       POST /logging?level=<filter>        add to it; later clauses win
       POST /logging?reset                 back to the filter of the start
       POST /logging?level=<filter>&reset  back to the start, then add
A filter is a comma list of a level, or of target=level for single targets, such as
"info,access=debug". Levels: off, error, warn, info, debug, trace.
)";

HttpReply reply(unsigned status, std::string body) {
  HttpReply made;
  made.status = status;
  made.body = std::move(body);
  return made;
}

}  // namespace

HttpReply answer_logging(const HttpRequest& request, std::string_view log_filter) {
  if (request.method != "POST") return reply(405, "Invalid method\n" + std::string(kUsage));
  const auto query = parse_query(request.query);
  const auto found = query.find("level");
  const std::string level = found == query.end() ? "" : found->second;
  // One change, so that a bad level leaves everything as it was.
  const auto changed = query.contains("reset")
                           ? log::set_filter(std::string(log_filter) + "," + level)
                           : log::add_filter(level);
  if (!changed) {
    return reply(400, "Invalid level provided: " + level + "\n" + changed.error().detail + "\n" +
                          std::string(kUsage));
  }
  return reply(200, "current log level is " + log::filter() + "\n");
}

}  // namespace culvert::admin
