#include "proxy/worker_proxy.hpp"

namespace culvert::proxy {

WorkerProxy::WorkerProxy(unsigned index, const Settings& settings,
                         const hbone::TunnelSettings& tunnels, NodeProxy::Parts parts)
    : worker_(index),
      context_(worker_, tunnels, parts.certificates),
      hostnames_(worker_, parts.resolvers, settings.ipv6),
      environment_{context_,  parts.store,     parts.traffic, parts.sockets_open,
                   parts.dns, parts.resolvers, hostnames_,    settings} {
  worker_.start();
}

WorkerProxy::~WorkerProxy() { worker_.stop(); }

Result<void> WorkerProxy::start_pod(const std::string& uid, StartNumber start, const PodInfo& info,
                                    std::shared_ptr<UniqueFd> netns) {
  if (pods_.contains(uid)) return fail(Errc::invalid, "the pod is running already");
  // The callback may come only after drain() or stop(), when the pod is in retiring_.
  auto self = std::make_shared<PodProxy*>(nullptr);
  auto pod = std::make_unique<PodProxy>(environment_, info, net::Netns(std::move(netns)),
                                        [this, self] { forget(*self); });
  *self = pod.get();
  if (auto started = pod->start(); !started) return started.error();
  pods_.emplace(uid, Running{std::move(pod), start});
  return {};
}

void WorkerProxy::stop_pod(const std::string& uid, const Error& reason) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return;
  PodProxy* pod = found->second.pod.get();
  retire(std::move(found->second.pod));
  pods_.erase(found);
  pod->stop(reason);
}

void WorkerProxy::undo_start(const std::string& uid, StartNumber start, const Error& reason) {
  const auto found = pods_.find(uid);
  if (found != pods_.end() && found->second.start == start) stop_pod(uid, reason);
}

void WorkerProxy::retire(std::unique_ptr<PodProxy> pod) { retiring_.push_back(std::move(pod)); }

void WorkerProxy::forget(const PodProxy* pod) {
  std::erase_if(retiring_, [pod](const auto& held) { return held.get() == pod; });
  if (drained_ && retiring_.empty()) std::exchange(drained_, nullptr)();
}

std::vector<PodProxy*> WorkerProxy::all_pods() const {
  std::vector<PodProxy*> all;
  all.reserve(pods_.size() + retiring_.size());
  for (const auto& [uid, running] : pods_) all.push_back(running.pod.get());
  for (const auto& pod : retiring_) all.push_back(pod.get());
  return all;
}

void WorkerProxy::on_changes(bool policies, bool local_workloads,
                             const std::vector<Identity>& gone) {
  for (const auto& identity : gone) context_.contexts.forget(identity);
  for (auto* pod : all_pods()) pod->on_state_change(policies, local_workloads);
  worker_.at_turn_end(*this);
}

void WorkerProxy::on_turn_end() {
  std::size_t budget = kRechecksPerTurn;
  bool more = false;
  for (auto* pod : all_pods()) {
    budget -= pod->recheck(budget);
    more = more || pod->rechecking();
  }
  if (more) worker_.at_turn_end(*this);
}

void WorkerProxy::drain(std::function<void()> done) {
  drained_ = std::move(done);
  std::vector<PodProxy*> draining;
  for (auto& [uid, running] : pods_) {
    draining.push_back(running.pod.get());
    retire(std::move(running.pod));
  }
  pods_.clear();
  for (auto* pod : draining) pod->drain();
  if (retiring_.empty()) std::exchange(drained_, nullptr)();
}

void WorkerProxy::cut(const Error& reason) {
  for (auto& pod : retiring_) pod->stop(reason);
}

void WorkerProxy::collect(NodeProxy::Connections& into) const {
  for (const auto& [uid, running] : pods_) {
    auto& list = into[uid];
    for (auto& connection : running.pod->connections()) list.push_back(std::move(connection));
  }
}

}  // namespace culvert::proxy
