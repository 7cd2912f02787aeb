#include "culvert/proxy/node_proxy.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include "proxy/worker_proxy.hpp"

namespace culvert::proxy {

namespace {

Error drain_reason() { return fail(Errc::cancelled, "connection closed due to connection drain"); }

// Calls back when the last of several workers has answered.
template <class T>
class Gather {
 public:
  Gather(std::size_t expected, T start, std::function<void(T)> done)
      : missing_(expected), value_(std::move(start)), done_(std::move(done)) {}

  // `merge` changes the common value, one worker at a time.
  template <class F>
  void add(F merge) {
    std::unique_lock lock(mutex_);
    merge(value_);
    if (--missing_ != 0) return;
    lock.unlock();
    done_(std::move(value_));
  }

 private:
  std::mutex mutex_;
  std::size_t missing_;  // guarded by mutex_
  T value_;              // guarded by mutex_ until the last answer
  const std::function<void(T)> done_;
};

}  // namespace

NodeProxy::NodeProxy(const Settings& settings, const hbone::TunnelSettings& tunnels,
                     unsigned workers, Parts parts)
    : settings_(settings) {
  for (unsigned i = 0; i < std::max(workers, 1U); ++i) {
    workers_.push_back(std::make_unique<WorkerProxy>(i, settings_, tunnels, parts));
  }
}

NodeProxy::~NodeProxy() = default;

std::vector<WorkerProxy*> NodeProxy::workers_of(const std::string& uid) {
  if (!settings_.reuse_port) {
    return {workers_[std::hash<std::string>{}(uid) % workers_.size()].get()};
  }
  std::vector<WorkerProxy*> all;
  for (auto& worker : workers_) all.push_back(worker.get());
  return all;
}

void NodeProxy::start_pod(const std::string& uid, const PodInfo& info,
                          std::shared_ptr<UniqueFd> netns, std::function<void(Result<void>)> done) {
  const auto workers = workers_of(uid);
  const StartNumber start = ++starts_;
  auto finish = [workers, uid, start, done = std::move(done)](Result<void> result) {
    if (!result) {
      for (auto* worker : workers) {
        worker->post([worker, uid, start] { worker->undo_start(uid, start, drain_reason()); });
      }
    }
    done(std::move(result));
  };
  auto gather =
      std::make_shared<Gather<Result<void>>>(workers.size(), Result<void>(), std::move(finish));
  for (auto* worker : workers) {
    worker->post([worker, uid, start, info, netns, gather] {
      auto started = worker->start_pod(uid, start, info, netns);
      gather->add([&started](Result<void>& all) {
        if (!started) all = started;
      });
    });
  }
}

void NodeProxy::stop_pod(const std::string& uid) {
  for (auto* worker : workers_of(uid)) {
    worker->post([worker, uid] { worker->stop_pod(uid, drain_reason()); });
  }
}

void NodeProxy::on_changes(const state::Changes& changes) {
  if (!changes.policies && !changes.workloads) return;
  for (auto& worker : workers_) {
    worker->post([raw = worker.get(), policies = changes.policies, local = changes.local_workloads,
                  gone = changes.identities_removed] { raw->on_changes(policies, local, gone); });
  }
}

void NodeProxy::drain(std::function<void()> done) {
  auto finish = [done = std::move(done)](bool) { done(); };
  auto gather = std::make_shared<Gather<bool>>(workers_.size(), true, std::move(finish));
  for (auto& worker : workers_) {
    worker->post(
        [raw = worker.get(), gather] { raw->drain([gather] { gather->add([](bool&) {}); }); });
  }
}

void NodeProxy::cut() {
  for (auto& worker : workers_) {
    worker->post([raw = worker.get()] { raw->cut(drain_reason()); });
  }
}

void NodeProxy::connections(std::function<void(Connections)> done) {
  auto gather =
      std::make_shared<Gather<Connections>>(workers_.size(), Connections(), std::move(done));
  for (auto& worker : workers_) {
    worker->post([raw = worker.get(), gather] {
      gather->add([raw](Connections& all) { raw->collect(all); });
    });
  }
}

}  // namespace culvert::proxy
