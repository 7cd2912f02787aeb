// The agent's words as JSON: its table on disk, and requests and answers on the control socket.
// Decoders take outside bytes: they never throw, and name the field that is wrong.
#pragma once

#include "culvert/host/agent.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace culvert::host {

struct ListRequest {};
using AgentRequest = std::variant<EnrolRequest, WithdrawRequest, ListRequest>;

std::string encode_request(const AgentRequest& request);
Result<AgentRequest> decode_request(std::string_view text);

std::string encode_outcome(const Result<Outcome>& outcome);
Result<Outcome> decode_outcome(std::string_view text);
std::string encode_statuses(const std::vector<EnrolmentStatus>& statuses);
Result<std::vector<EnrolmentStatus>> decode_statuses(std::string_view text);

std::string encode_table(const std::vector<Enrolment>& table);
Result<std::vector<Enrolment>> decode_table(std::string_view text);

// Errc::invalid unless name, namespace and service account are there, and everything is of a size
// and alphabet that Kubernetes allows. An empty uid is allowed.
Result<void> check_pod(const PodInfo& pod);

}  // namespace culvert::host
