// Whether redirection is possible at all: asked once, when the agent starts, so that a missing
// capability or kernel module is named then, and not when the first pod is enrolled.
#include "host/redirection.hpp"

#include <sched.h>

#include <cerrno>
#include <thread>

namespace culvert::host {
namespace {

Result<void> enter_scratch_namespace() {
  if (::unshare(CLONE_NEWNET) == 0) return {};
  if (errno == EPERM)
    return fail(Errc::permission, "entering network namespaces needs CAP_SYS_ADMIN: run as root");
  return fail_errno("make a network namespace", errno);
}

Result<void> try_everything() {
  if (auto entered = enter_scratch_namespace(); !entered) return entered;
  if (auto up = bring_loopback_up(); !up) return up;
  const auto routing = PolicyRouting::open();
  if (!routing) return routing.error();
  if (auto installed = run_steps(install_steps(*routing, {.dns = true})); !installed)
    return installed;
  return remove_redirection_here();
}

}  // namespace

Result<void> check_redirection() {
  Result<void> result = {};
  std::thread([&result] { result = try_everything(); }).join();  // the namespace ends with it
  return result;
}

}  // namespace culvert::host
