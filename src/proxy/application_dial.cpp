#include "proxy/application_dial.hpp"

#include "culvert/base/log.hpp"
#include "culvert/net/socket.hpp"
#include "culvert/net/stream.hpp"

namespace culvert::proxy {

namespace {
const log::Target kLog("proxy::dial");
}

net::Async<Result<UniqueFd>> dial_application(PodProxy& pod, SocketAddress destination,
                                              std::optional<IpAddress> source,
                                              net::Cancellation& cancellation) {
  const Settings& settings = pod.settings();
  const TimePoint deadline = pod.worker().now() + settings.connect_timeout;
  auto fd = co_await net::dial(pod.worker(), pod.netns(), destination, source, pod.socket_options(),
                               deadline, &cancellation);
  const bool may_do_without = settings.original_source != OriginalSource::required;
  if (!fd && source && fd.error().code == Errc::permission && may_do_without) {
    log::warn(kLog, "connecting without the client's address",
              {log::str("pod", pod.info().to_string()), log::str("error", fd.error().detail)});
    fd = co_await net::dial(pod.worker(), pod.netns(), destination, std::nullopt,
                            pod.socket_options(), deadline, &cancellation);
  }
  // Plain connections leave the pod as well: those keep the node's congestion control.
  const auto own = pod.workload();
  if (fd && own && own->has_address(destination.ip)) net::skip_pacing(fd->get());
  co_return fd;
}

}  // namespace culvert::proxy
