#include "culvert/host/zds_server.hpp"

#include "host/zds_server_impl.hpp"

namespace culvert::host {

Result<std::unique_ptr<ZdsServer>> ZdsServer::start(const ZdsServerOptions& options,
                                                    std::vector<RestoredPod> pods) {
  auto impl = Impl::start(options, std::move(pods));
  if (!impl) return impl.error();
  return std::unique_ptr<ZdsServer>(new ZdsServer(std::move(*impl)));
}

ZdsServer::ZdsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZdsServer::~ZdsServer() = default;

Result<void> ZdsServer::add(const PodInfo& pod, UniqueFd netns) {
  return impl_->add(pod, std::move(netns));
}
Result<void> ZdsServer::del(const std::string& uid) { return impl_->del(uid); }
std::vector<PodStatus> ZdsServer::pods() const { return impl_->pods(); }
std::size_t ZdsServer::daemons() const { return impl_->daemons(); }
bool ZdsServer::wait_for_daemon(std::chrono::milliseconds limit) const {
  return impl_->wait_for_daemon(limit);
}

}  // namespace culvert::host
