// Connecting to an application inside the pod, or to wherever a pod wants to go in plain TCP.
#pragma once

#include "culvert/net/cancellation.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

// Connects from inside the pod, within the connect timeout. With `source` the other side sees that
// address; where the kernel does not let us and it is not required, it connects from the pod's own
// with a warning. The reason of `cancellation`, which outlives the wait, when that comes first.
net::Async<Result<UniqueFd>> dial_application(PodProxy& pod, SocketAddress destination,
                                              std::optional<IpAddress> source,
                                              net::Cancellation& cancellation);

}  // namespace culvert::proxy
