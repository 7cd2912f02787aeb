#include "culvert/host/agent.hpp"

#include "host/agent_impl.hpp"

namespace culvert::host {

Result<std::unique_ptr<Agent>> Agent::start(const AgentOptions& options) {
  auto impl = Impl::start(options);
  if (!impl) return impl.error();
  return std::unique_ptr<Agent>(new Agent(std::move(*impl)));
}

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::~Agent() = default;

Result<Outcome> Agent::enroll(const EnrolRequest& request) { return impl_->enroll(request); }
Result<Outcome> Agent::withdraw(const WithdrawRequest& request) { return impl_->withdraw(request); }
std::vector<EnrolmentStatus> Agent::list() const { return impl_->list(); }

}  // namespace culvert::host
