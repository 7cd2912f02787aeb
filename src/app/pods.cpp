#include "app/pods.hpp"

#include <boost/asio/post.hpp>

#include "culvert/base/log.hpp"

namespace culvert::app {

namespace {
const log::Target kLog("app::pods");

constexpr std::uint16_t kDnsPort = 53;  // resolv.conf(5) knows no other

// Null where the agent knows none, or only one of the pod's own on loopback: then the node's.
dns::ResolversPtr resolvers_of(const control::WorkloadInfo& info) {
  dns::Resolvers all;
  for (const auto& server : info.nameservers) all.servers.push_back({server, kDnsPort});
  auto others = std::make_shared<dns::Resolvers>(all.beyond_loopback());
  return others->servers.empty() ? nullptr : others;
}

proxy::PodInfo pod_info(const control::WorkloadInfo& info) {
  return {Name(info.namespace_), Name(info.name), Name(info.service_account), resolvers_of(info)};
}

}  // namespace

void Pods::start(const control::PodUid& uid, const control::WorkloadInfo& info,
                 std::shared_ptr<UniqueFd> netns, std::function<void(Result<void>)> done) {
  const auto pod = pod_info(info);
  auto answer = [this, uid, pod, done = std::move(done)](Result<void> result) {
    boost::asio::post(control_, [this, uid, pod, done, result = std::move(result)] {
      if (result) {
        log::info(kLog, "pod is served", {log::str("uid", uid), log::str("pod", pod.to_string())});
      } else {
        plain_.stopped(uid);
        log::warn(kLog, "pod cannot be served",
                  {log::str("uid", uid), log::str("pod", pod.to_string()),
                   log::str("error", result.error().detail)});
      }
      done(result);
    });
  };
  plain_.started(uid, pod);
  warn_of_plain_pods();
  node_.start_pod(uid, pod, std::move(netns), std::move(answer));
}

void Pods::stop(const control::PodUid& uid) {
  log::info(kLog, "pod is no longer served", {log::str("uid", uid)});
  plain_.stopped(uid);
  node_.stop_pod(uid);
}

void Pods::on_changes(const state::Changes& changes) {
  if (changes.local_workloads) warn_of_plain_pods();
}

void Pods::warn_of_plain_pods() {
  const auto found = plain_.look(Clock::now());
  for (const auto& [uid, pod] : found.plain)
    log::warn(kLog,
              "pod is served but its record says TCP: others send to it in the clear until its "
              "protocol is HBONE",
              {log::str("uid", uid), log::str("pod", pod.to_string())});
  if (!found.again) return;
  look_again_.expires_at(*found.again);
  look_again_.async_wait([this](const boost::system::error_code& error) {
    if (!error) warn_of_plain_pods();
  });
}

}  // namespace culvert::app
