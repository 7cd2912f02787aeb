#include "app/pods.hpp"

#include <boost/asio/post.hpp>

#include "culvert/base/log.hpp"

namespace culvert::app {

namespace {
const log::Target kLog("app::pods");

proxy::PodInfo pod_info(const control::WorkloadInfo& info) {
  return {Name(info.namespace_), Name(info.name), Name(info.service_account)};
}

}  // namespace

void Pods::start(const control::PodUid& uid, const control::WorkloadInfo& info,
                 std::shared_ptr<UniqueFd> netns, std::function<void(Result<void>)> done) {
  const auto pod = pod_info(info);
  auto answer = [this, uid, name = pod.to_string(), done = std::move(done)](Result<void> result) {
    boost::asio::post(control_, [uid, name, done, result = std::move(result)] {
      if (result) {
        log::info(kLog, "pod is served", {log::str("uid", uid), log::str("pod", name)});
      } else {
        log::warn(kLog, "pod cannot be served",
                  {log::str("uid", uid), log::str("pod", name),
                   log::str("error", result.error().detail)});
      }
      done(result);
    });
  };
  node_.start_pod(uid, pod, std::move(netns), std::move(answer));
}

void Pods::stop(const control::PodUid& uid) {
  log::info(kLog, "pod is no longer served", {log::str("uid", uid)});
  node_.stop_pod(uid);
}

}  // namespace culvert::app
