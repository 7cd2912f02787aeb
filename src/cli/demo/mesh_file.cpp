#include "cli/demo/mesh_file.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

namespace culvert::cli::demo {
namespace {

std::string workload(const Place& pod, const Place& node, bool in_mesh, const std::string& more) {
  return "- uid: demo//Pod/demo/" + pod.name + "\n  name: " + pod.name +
         "\n  namespace: demo\n  serviceAccount: " + pod.name +
         "\n  trustDomain: cluster.local\n  workloadIps: [\"" + pod.v4.to_string() + "\", \"" +
         pod.v6.to_string() + "\"]\n  protocol: " + (in_mesh ? "HBONE" : "TCP") +
         "\n  node: " + node.name + "\n" + more;
}

}  // namespace

std::string service_name() { return "server.demo.svc.cluster.local"; }

IpAddress service_address() { return IpAddress::v4(198, 18, 100, 10); }

std::string deny_policy() {
  return "- name: not-the-client\n"
         "  namespace: demo\n"
         "  scope: WorkloadSelector\n"
         "  action: Deny\n"
         "  dryRun: false\n"
         "  rules:\n"
         "  - - - principals: [!Exact cluster.local/ns/demo/sa/client]\n";
}

std::string mesh_yaml(const Topology& t, const MeshState& state) {
  const std::string selected =
      state.deny ? "  authorizationPolicies: [\"demo/not-the-client\"]\n" : "";
  return "workloads:\n" +
         workload(t.client(), t.node_a(), state.client_in_mesh, "  services: {}\n") +
         workload(t.server(), t.node_b(), state.server_in_mesh,
                  selected + "  services:\n    \"demo/" + service_name() + "\": {80: 8080}\n") +
         "services:\n- name: server\n  namespace: demo\n"
         "  hostname: " +
         service_name() + "\n  vips: [\"/" + service_address().to_string() +
         "\"]\n  ports: {80: 8080}\n" +
         (state.deny ? "policies:\n" + deny_policy() : std::string("policies: []\n"));
}

Result<void> replace_file(const std::string& path, const std::string& text) {
  const auto fresh = path + ".new";
  std::ofstream file(fresh);
  file << text;
  file.close();
  if (!file) return fail(Errc::io, "cannot write " + fresh);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno("rename " + fresh, errno);
  return {};
}

Result<void> write_secret(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return fail_errno("make " + path, errno);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(Errc::io, "cannot write " + path);
  return {};
}

}  // namespace culvert::cli::demo
