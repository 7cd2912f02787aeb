// What the agent asks of the ZDS server: pods in, pods out, and how they are.
#include "culvert/base/log.hpp"
#include "host/zds_messages.hpp"
#include "host/zds_server_impl.hpp"

#include <future>

namespace culvert::host {
namespace {

const log::Target kLog("agent::zds");

}  // namespace

ZdsServer::Impl::Pod& ZdsServer::Impl::remember(const PodInfo& info, UniqueFd netns) {
  Pod& pod = pods_[info.uid];
  pod = Pod{};
  pod.info = info;
  if (netns)
    pod.netns = std::make_shared<const UniqueFd>(std::move(netns));
  else
    pod.error = "its namespace is not found";
  pod.version = ++last_version_;
  return pod;
}

bool ZdsServer::Impl::send_add(const Pod& pod, ZdsSession& session, Done also) {
  ZdsRequest request;
  request.packet = encode_add(pod.info);
  request.netns = pod.netns;
  request.done = [this, uid = pod.info.uid, version = pod.version, id = session.id(),
                  also = std::move(also)](const Result<void>& answer) {
    on_answer(uid, version, id, answer);
    if (also) also(answer);
  };
  return session.enqueue(std::move(request));
}

bool ZdsServer::Impl::send_keep(const Pod& pod, ZdsSession& session) {
  ZdsRequest request;
  request.packet = encode_keep(pod.info.uid);
  request.done = [uid = pod.info.uid](const Result<void>& answer) {
    if (!answer)
      log::warn(kLog, "daemon does not keep a pod",
                {log::str("pod", uid), log::str("error", answer.error().detail)});
  };
  return session.enqueue(std::move(request));
}

Result<void> ZdsServer::Impl::add(const PodInfo& info, UniqueFd netns) {
  auto answered = std::make_shared<std::promise<Result<void>>>();
  auto answer = answered->get_future();
  {
    const std::lock_guard lock(mutex_);
    Pod& pod = remember(info, std::move(netns));
    const auto tell = [answered](const Result<void>& result) { answered->set_value(result); };
    if (ready_.empty() || !send_add(pod, *ready_.back(), tell)) {
      pod.error = "no daemon is connected to " + options_.path;
      return fail(Errc::unavailable, pod.error + ": is culvert running, with INPOD_UDS=" +
                                         options_.path + ", and has it reached its control plane?");
    }
  }
  return answer.get();
}

Result<void> ZdsServer::Impl::del(const std::string& uid) {
  std::vector<std::future<Result<void>>> answers;
  {
    const std::lock_guard lock(mutex_);
    pods_.erase(uid);
    for (const auto& session : ready_) {
      auto answered = std::make_shared<std::promise<Result<void>>>();
      auto answer = answered->get_future();
      ZdsRequest request;
      request.packet = encode_del(uid);
      request.done = [answered](const Result<void>& result) { answered->set_value(result); };
      if (session->enqueue(std::move(request))) answers.push_back(std::move(answer));
    }
  }
  Result<void> first = {};
  for (auto& answer : answers) {
    const auto result = answer.get();
    // A daemon that has gone serves nobody.
    const bool gone = !result && (result.error().code == Errc::unavailable ||
                                  result.error().code == Errc::closed);
    if (!result && !gone && first) first = result;
  }
  return first;
}

std::vector<PodStatus> ZdsServer::Impl::pods() const {
  const std::lock_guard lock(mutex_);
  std::vector<PodStatus> all;
  for (const auto& [uid, pod] : pods_) {
    PodStatus status;
    status.pod = pod.info;
    status.up = pod.acked_by != 0 && pod.acked_by == newest();
    if (!status.up) status.error = ready_.empty() ? "no daemon is connected" : pod.error;
    all.push_back(std::move(status));
  }
  return all;
}

std::size_t ZdsServer::Impl::daemons() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

bool ZdsServer::Impl::wait_for_daemon(std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return newest() != 0 && synced_ >= newest(); });
}

}  // namespace culvert::host
