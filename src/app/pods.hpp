// Joins the node agent's side (ZDS) to the data plane: pods come and go on the control thread, the
// data plane answers from its workers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/plain_pods.hpp"
#include "culvert/control/zds.hpp"
#include "culvert/proxy/node_proxy.hpp"

namespace culvert::app {

// Control thread only. All references outlive it.
class Pods final : public control::PodEvents {
 public:
  Pods(boost::asio::io_context& control, proxy::NodeProxy& node, const state::Store& store)
      : control_(control), node_(node), plain_(store), look_again_(control) {}

  void start(const control::PodUid& uid, const control::WorkloadInfo& info,
             std::shared_ptr<UniqueFd> netns, std::function<void(Result<void>)> done) override;
  void stop(const control::PodUid& uid) override;
  // The mesh changed; call from a listener of the store.
  void on_changes(const state::Changes& changes);

 private:
  void warn_of_plain_pods();

  boost::asio::io_context& control_;
  proxy::NodeProxy& node_;
  PlainPods plain_;
  boost::asio::steady_timer look_again_;
};

}  // namespace culvert::app
