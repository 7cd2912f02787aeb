#include "app/resolv_conf.hpp"

#include <sys/stat.h>

#include <memory>
#include <utility>

#include "culvert/base/file.hpp"
#include "culvert/base/log.hpp"

namespace culvert::app {

namespace {

const log::Target kLog("app::resolv_conf");

std::string_view without_any(bool answer_pods) {
  return answer_pods ? "names that the mesh does not know cannot be looked up for pods, and "
                       "hostnames of workloads not at all"
                     : "hostnames of workloads cannot be looked up";
}

}  // namespace

ResolverTrouble trouble_with(const dns::Resolvers& resolvers, bool answer_pods) {
  if (resolvers.servers.empty())
    return {without_any(answer_pods), "it has no line `nameserver ADDRESS`"};
  if (!answer_pods || !resolvers.beyond_loopback().servers.empty()) return {};
  return {"names that the mesh does not know cannot be looked up for pods",
          "its resolvers have loopback addresses, which mean the pod itself inside a pod"};
}

ResolvConf::ResolvConf(boost::asio::io_context& control, proxy::NodeResolvers& resolvers,
                       bool answer_pods, std::string path)
    : resolvers_(resolvers), answer_pods_(answer_pods), path_(std::move(path)), timer_(control) {}

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
    return warn({resolvers_.get() ? "the resolvers that it named before are asked on"
                                  : without_any(answer_pods_),
                 text.error().detail});
  }
  auto found = std::make_shared<dns::Resolvers>(dns::Resolvers::parse(*text));
  if (const auto trouble = trouble_with(*found, answer_pods_); !trouble.consequence.empty())
    warn(trouble);
  auto for_pods = std::make_shared<dns::Resolvers>(found->beyond_loopback());
  resolvers_.set(std::move(found), std::move(for_pods));
}

// One line for each state of the file.
void ResolvConf::warn(const ResolverTrouble& trouble) const {
  log::warn(kLog, trouble.consequence, {log::str("file", path_), log::str("why", trouble.why)});
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
