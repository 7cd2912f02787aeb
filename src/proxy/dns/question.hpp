// One DNS query of a pod for as long as it has no answer.
#pragma once

#include <cstdint>
#include <utility>

#include "culvert/base/time.hpp"
#include "culvert/dns/message.hpp"
#include "culvert/net/datagrams.hpp"
#include "culvert/state/workload.hpp"
#include "proxy/pod_proxy.hpp"

namespace culvert::proxy {

// Where its answer goes.
struct AskedBy {
  net::Datagrams* socket = nullptr;  // null: over TCP. Lives until nothing waits for an answer
  net::ReturnPath path;              // UDP
  std::uint64_t session = 0;         // TCP: the number of the connection, which may be gone

  dns::Transport transport() const {
    return socket != nullptr ? dns::Transport::udp : dns::Transport::tcp;
  }
};

// The pod stays as long as it lives.
struct Question {
  Question(PodProxy& pod, Bytes query, dns::Query what, AskedBy who, state::WorkloadPtr workload,
           TimePoint now)
      : alive(pod),
        bytes(query.begin(), query.end()),
        read(std::move(what)),
        by(std::move(who)),
        client(std::move(workload)),
        since(now) {}

  PodProxy::Attempt alive;
  dns::Message bytes;  // as it came
  dns::Query read;
  AskedBy by;
  state::WorkloadPtr client;  // null: the mesh does not know the pod yet
  TimePoint since;
};

}  // namespace culvert::proxy
