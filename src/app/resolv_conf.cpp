#include "app/resolv_conf.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "culvert/base/file.hpp"
#include "culvert/base/log.hpp"

namespace culvert::app {

namespace {

const log::Target kLog("app::resolv_conf");

void warn(const std::string& path, std::string_view trouble) {
  log::warn(kLog, "names that the mesh does not know cannot be looked up for pods",
            {log::str("file", path), log::str("why", trouble)});
}

// What cannot work is said; what is said is one line for each state of the file.
void warn_of(const std::string& path, const dns::Resolvers& found) {
  if (found.servers.empty()) return warn(path, "it has no line `nameserver ADDRESS`");
  const bool reachable = std::ranges::any_of(
      found.servers, [](const SocketAddress& server) { return !server.ip.is_loopback(); });
  if (!reachable)
    warn(path, "its resolvers have loopback addresses, which mean the pod itself inside a pod");
}

}  // namespace

ResolvConf::ResolvConf(boost::asio::io_context& control, proxy::NodeResolvers& resolvers,
                       std::string path)
    : resolvers_(resolvers), path_(std::move(path)), timer_(control) {}

std::optional<ResolvConf::Stamp> ResolvConf::look() const {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return Stamp{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
               status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

void ResolvConf::load() {
  loaded_ = look();
  const auto text = read_file(path_);
  if (!text) {
    if (text.error().code == Errc::unavailable) loaded_.reset();  // being written: look again
    return warn(path_, text.error().detail);
  }
  auto found = std::make_shared<dns::Resolvers>(dns::Resolvers::parse(*text));
  warn_of(path_, *found);
  resolvers_.set(std::move(found));
}

void ResolvConf::follow() {
  load();
  look_later();
}

void ResolvConf::look_later() {
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (look() != loaded_) load();
    look_later();
  });
}

}  // namespace culvert::app
