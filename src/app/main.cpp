// The daemon's main: a list of phases.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "app/daemon.hpp"
#include "app/privileges.hpp"
#include "app/settings.hpp"
#include "app/version.hpp"
#include "culvert/app/options.hpp"
#include "culvert/base/descriptors.hpp"
#include "culvert/base/log.hpp"
#include "culvert/base/memory.hpp"
#include "culvert/tls/aead.hpp"
#include "culvert/tls/context.hpp"

namespace {

using namespace culvert;

const log::Target kLog("app");

std::string istio_version() {
  const char* version = std::getenv("ISTIO_META_ISTIO_VERSION");
  return version != nullptr ? version : "unknown";
}

int usage_error(std::string_view command) {
  std::fprintf(stderr, "unknown command: %.*s\n%s", static_cast<int>(command.size()),
               command.data(), app::help_text().c_str());
  return 1;
}

// Both streams: the log for those who collect it, stderr for who stands in front of it.
int start_error(const Error& error) {
  log::error(kLog, "cannot start", {log::str("error", error.detail)});
  log::stop();
  std::fprintf(stderr, "culvert: %s\n", error.detail.c_str());
  return 1;
}

Result<void> prepare(const app::Options& options) {
  if (auto set = log::set_filter(options.log_filter); !set) return set.error().with("RUST_LOG");
  if (auto aead = tls::select_aead(); !aead) return aead.error().with("CULVERT_AEAD");
  tls::TlsOptions tls;
  tls.tls12 = options.tls12;
  tls.pqc_only = options.pqc_only;
  if (auto supported = tls::check_supported(tls); !supported) return supported.error();
  log::info(kLog, app::version_line(app::build_info(options.istio_version)));
  for (const auto& line : app::describe(options)) log::info(kLog, "configuration: " + line);
  for (const auto& warning : app::warnings(options)) log::warn(kLog, warning);
  protect_memory();
  raise_descriptor_limit();
  if (auto allowed = app::check_privileges(options); !allowed) return allowed;
  return app::check_credentials(options);
}

int run(const std::vector<std::string>& arguments) {
  auto options = app::parse_options(app::system_environment(), arguments);
  if (!options) {
    std::fprintf(stderr, "culvert: %s\n", options.error().detail.c_str());
    return 1;
  }
  log::start(options->log_json ? log::Format::json : log::Format::plain);
  if (auto ready = prepare(*options); !ready) return start_error(ready.error());
  app::Daemon daemon(std::move(*options));
  if (auto started = daemon.start(); !started) {
    start_error(started.error());
    std::_Exit(1);  // nothing carries traffic yet; threads of libraries may
  }
  const bool well = daemon.run();
  log::stop();
  std::_Exit(well ? 0 : 1);  // see Daemon::run()
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() ? "proxy" : arguments.front();
  if (command == "version") {
    std::puts(app::version_line(app::build_info(istio_version())).c_str());
    return 0;
  }
  if (command == "help") {
    std::fputs(app::help_text().c_str(), stdout);
    return 0;
  }
  if (command != "proxy") return usage_error(command);
  return run(arguments);
}
