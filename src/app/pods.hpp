// Joins the node agent's side (ZDS) to the data plane: pods come and go on the control thread, the
// data plane answers from its workers.
#pragma once

#include <boost/asio/io_context.hpp>

#include "culvert/control/zds.hpp"
#include "culvert/proxy/node_proxy.hpp"

namespace culvert::app {

// Control thread only. All references outlive it.
class Pods final : public control::PodEvents {
 public:
  Pods(boost::asio::io_context& control, proxy::NodeProxy& node) : control_(control), node_(node) {}

  void start(const control::PodUid& uid, const control::WorkloadInfo& info,
             std::shared_ptr<UniqueFd> netns, std::function<void(Result<void>)> done) override;
  void stop(const control::PodUid& uid) override;

 private:
  boost::asio::io_context& control_;
  proxy::NodeProxy& node_;
};

}  // namespace culvert::app
