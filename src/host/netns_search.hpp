// Finding the namespace of an enrolment again, whatever leads to it by now: its name may be gone,
// its processes others, or only a mount is left.
#pragma once

#include "culvert/host/agent.hpp"
#include "culvert/host/netns.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace culvert::host {

// A namespace, and what it was opened by.
struct FoundNetns {
  NetnsRef ref;
  Netns netns;
};

// Looks for the very namespace that was enrolled, told from others by its incarnation: where the
// enrolment says, else by a process in it, else by a mount. An error says why it was not found, or
// what kept from looking everywhere.
Result<FoundNetns> find_again(const Enrolment& enrolment);

// Whether anything leads to the enrolled namespace, which the caller holds open as `held`: what the
// enrolment says, a process, a mount. An error means that nothing is known.
Result<bool> is_reachable(const Enrolment& enrolment, const Netns& held);

// Whether `ref` names a process, in whichever way: it stands for its namespace only while it runs,
// and its number may be another's by now. A name or another path is what a person chose.
bool means_a_process(const NetnsRef& ref);

// Where namespace `id` is mounted, by the text of a /proc/PID/mountinfo (proc(5)).
std::vector<std::string> mounts_of(NetnsId id, std::string_view mountinfo);

}  // namespace culvert::host
