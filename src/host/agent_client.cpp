#include "culvert/host/agent.hpp"
#include "host/agent_json.hpp"
#include "host/agent_socket.hpp"

namespace culvert::host {

Result<Outcome> AgentClient::enroll(const EnrolRequest& request) const {
  const auto answer = ask_line(path_, encode_request(request));
  if (!answer) return answer.error();
  return decode_outcome(*answer);
}

Result<Outcome> AgentClient::withdraw(const WithdrawRequest& request) const {
  const auto answer = ask_line(path_, encode_request(request));
  if (!answer) return answer.error();
  return decode_outcome(*answer);
}

Result<std::vector<EnrolmentStatus>> AgentClient::list() const {
  const auto answer = ask_line(path_, encode_request(ListRequest{}));
  if (!answer) return answer.error();
  return decode_statuses(*answer);
}

}  // namespace culvert::host
