#include "cli/demo/load.hpp"

#include "cli/demo/process.hpp"

#include <unistd.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <sstream>

namespace culvert::cli::demo {

std::optional<std::string> find_fortio() {
  const char* path = std::getenv("PATH");
  const char* home = std::getenv("HOME");
  std::istringstream directories(std::string(path != nullptr ? path : "") + ":" +
                                 (home != nullptr ? home : "/root") + "/go/bin");
  for (std::string directory; std::getline(directories, directory, ':');)
    if (const auto file = directory + "/fortio"; ::access(file.c_str(), X_OK) == 0) return file;
  return std::nullopt;
}

Result<Latency> parse_fortio(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("DurationHistogram"))
    return fail(Errc::protocol, "Fortio's result is not what it used to be");
  Latency latency;
  latency.rate = json.value("ActualQPS", 0.0);
  const auto& histogram = json["DurationHistogram"];
  if (!histogram.contains("Percentiles") || !histogram["Percentiles"].is_array())
    return fail(Errc::protocol, "Fortio's result has no percentiles");
  for (const auto& entry : histogram["Percentiles"]) {
    const double at = entry.value("Percentile", 0.0);
    const double milliseconds = entry.value("Value", 0.0) * 1000;
    if (at == 50) latency.p50 = milliseconds;
    if (at == 90) latency.p90 = milliseconds;
    if (at == 99) latency.p99 = milliseconds;
  }
  return latency;
}

Result<Latency> measure(const std::string& fortio, int netns_fd, const SocketAddress& to,
                        std::chrono::seconds duration, const std::string& scratch) {
  const auto file = scratch + "/fortio.json";
  Command command;
  command.netns_fd = netns_fd;
  command.words = {fortio, "load", "-quiet", "-loglevel", "error", "-qps", "1000", "-c", "16",
                   // Its usual millisecond is coarser than what is measured here; 10 us.
                   "-r", "0.00001", "-p", "50,90,99", "-t", std::to_string(duration.count()) + "s",
                   "-json", file, "http://" + to.to_string() + "/"};
  const auto finished = run(command);
  if (!finished) return finished.error();
  if (finished->exit_code != 0) return fail(Errc::io, "fortio: " + finished->output);
  return parse_fortio(read_file(file));
}

}  // namespace culvert::cli::demo
