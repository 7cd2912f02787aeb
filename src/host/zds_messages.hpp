// The packets of the agent's end of ZDS as strings; no I/O.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/host/zds_server.hpp"

#include <string>
#include <string_view>

namespace culvert::host {

std::string encode_add(const PodInfo& pod);
std::string encode_del(const std::string& uid);
// Only before snapshot_sent: the daemon goes on with what it has of that pod, if anything.
std::string encode_keep(const std::string& uid);
std::string encode_snapshot_sent();

// The daemon's first packet; Errc::protocol unless it is a hello of version 1.
Result<void> decode_hello(std::string_view packet);
// The daemon's answer: Errc::refused with its words, protocol if it is not an answer.
Result<void> decode_ack(std::string_view packet);

}  // namespace culvert::host
