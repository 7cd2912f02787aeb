#include "cli/admin_client.hpp"

#include "culvert/host/netns.hpp"

#include <CLI/CLI.hpp>

namespace culvert::cli {
namespace {

Result<host::Netns> open_target(const AdminTarget& target) {
  if (!target.netns.empty()) return host::Netns::open({host::NetnsRef::Kind::name, target.netns});
  if (!target.pid.empty()) return host::Netns::open({host::NetnsRef::Kind::pid, target.pid});
  return host::Netns{};
}

}  // namespace

void add_admin_options(CLI::App& command, AdminTarget& target) {
  command.add_option("--admin", target.address, "the daemon's admin endpoint")
      ->capture_default_str();
  auto* netns = command.add_option("--netns", target.netns, "the namespace the daemon runs in");
  auto* pid = command.add_option("--pid", target.pid, "the daemon's process id");
  netns->excludes(pid);
}

Result<HttpResponse> ask_daemon(const AdminTarget& target, const HttpRequest& request) {
  const auto address = SocketAddress::parse(target.address);
  if (!address) return address.error().with("--admin " + target.address);
  return ask_daemon(target, request, address->port);
}

Result<HttpResponse> ask_daemon(const AdminTarget& target, const HttpRequest& request,
                                std::uint16_t port) {
  auto address = SocketAddress::parse(target.address);
  if (!address) return address.error().with("--admin " + target.address);
  address->port = port;
  const auto netns = open_target(target);
  if (!netns) return netns.error();
  auto response = http_exchange(netns->fd(), *address, request);
  if (response) return response;
  if (response.error().code != Errc::refused) return response.error();
  return fail(Errc::unavailable, "no daemon answers on " + address->to_string() +
                                     ": is culvert running there? (--netns NAME, --pid N or "
                                     "--admin ADDRESS:PORT say where)");
}

}  // namespace culvert::cli
