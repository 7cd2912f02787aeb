// `culvertctl enroll`, `withdraw` and `enrolments`: what people ask the node agent for.
#include "cli/commands.hpp"
#include "cli/table.hpp"
#include "cli/workload_name.hpp"
#include "culvert/host/agent.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

namespace culvert::cli {
namespace {

// The options that both commands have.
struct Arguments {
  std::string control_socket = host::AgentOptions{}.control_socket;
  std::string netns;
  std::string pid;
  std::string path;
  std::string workload;
  std::string uid;
  bool dns = false;
  bool no_dns = false;
  bool no_ipv6 = false;
  bool ingress = false;
  std::vector<std::string> virtual_interfaces;
  bool keep_pending = false;
  bool force = false;
};

std::optional<host::NetnsRef> chosen(const Arguments& a) {
  using Kind = host::NetnsRef::Kind;
  if (!a.netns.empty()) return host::NetnsRef{Kind::name, a.netns};
  if (!a.pid.empty()) return host::NetnsRef{Kind::pid, a.pid};
  if (!a.path.empty()) return host::NetnsRef{Kind::path, a.path};
  return std::nullopt;
}

int report(const char* command, const Result<host::Outcome>& outcome) {
  if (!outcome) {
    std::cerr << "culvertctl " << command << ": " << outcome.error().detail << '\n';
    return 1;
  }
  for (const auto& step : outcome->steps) std::cout << step << '\n';
  return 0;
}

Result<host::Outcome> enroll(const Arguments& a) {
  const auto netns = chosen(a);
  if (!netns)
    return fail(Errc::invalid, "say which namespace: --netns NAME, --pid N or --path FILE");
  const auto workload = parse_workload(a.workload);
  if (!workload) return workload.error();
  host::EnrolRequest request;
  request.netns = *netns;
  request.pod = {a.uid, workload->name, workload->namespace_, workload->service_account};
  request.redirect.ipv6 = !a.no_ipv6;
  request.redirect.dns = a.dns;  // all that an agent of before understands
  request.dns = a.dns      ? host::DnsCapture::demanded
                : a.no_dns ? host::DnsCapture::never
                           : host::DnsCapture::when_served;
  request.redirect.ingress = a.ingress;
  request.redirect.virtual_interfaces = a.virtual_interfaces;
  request.keep_pending = a.keep_pending;
  request.force = a.force;
  return host::AgentClient(a.control_socket).enroll(request);
}

Result<host::Outcome> withdraw(const Arguments& a) {
  host::WithdrawRequest request;
  request.netns = chosen(a);
  request.uid = a.uid;
  request.pod = a.workload;
  request.force = a.force;
  if (!request.netns && request.uid.empty() && request.pod.empty())
    return fail(
        Errc::invalid,
        "say which: --netns NAME, --pid N, --path FILE, --uid U or --workload NS/NAME[/SA]");
  return host::AgentClient(a.control_socket).withdraw(request);
}

const char* dns_words(const host::Enrolment& enrolment) {
  if (enrolment.redirect.dns) return "captured";
  return enrolment.capture_dns ? "not served" : "left alone";
}

int list(const Arguments& a) {
  const auto all = host::AgentClient(a.control_socket).list();
  if (!all) {
    std::cerr << "culvertctl enrolments: " << all.error().detail << '\n';
    return 1;
  }
  Table table({"NAMESPACE", "NAME", "SERVICE ACCOUNT", "NETNS", "DNS", "STATE", "UID"});
  for (const auto& [enrolment, up, absent, error] : *all)
    table.row({enrolment.pod.namespace_, enrolment.pod.name, enrolment.pod.service_account,
               enrolment.netns.describe(), dns_words(enrolment),
               up ? "up" : (absent ? "absent: " : "pending: ") + error, enrolment.pod.uid});
  std::cout << table.text();
  return 0;
}

void add_where(CLI::App& command, const std::shared_ptr<Arguments>& a) {
  auto* netns = command.add_option("--netns", a->netns, "a namespace by name (ip netns list)");
  auto* pid = command.add_option("--pid", a->pid, "the namespace of a running process");
  auto* path = command.add_option("--path", a->path, "a namespace by file");
  netns->excludes(pid)->excludes(path);
  pid->excludes(path);
}

void add_socket(CLI::App& command, const std::shared_ptr<Arguments>& a) {
  command.add_option("--control-socket", a->control_socket, "the node agent's socket")
      ->capture_default_str();
}

void add_enroll(CLI::App& app, int& exit_code) {
  const auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("enroll", "put a network namespace into the mesh, as it runs");
  add_where(*command, a);
  add_socket(*command, a);
  command->add_option("--workload", a->workload, "who it is: NAMESPACE/NAME/SERVICE-ACCOUNT")
      ->required();
  command->add_option("--uid", a->uid, "the pod's uid (default: a new one)");
  auto* dns = command->add_flag(
      "--dns", a->dns, "fail unless DNS is captured (default: it is where the daemon serves it)");
  command->add_flag("--no-dns", a->no_dns, "leave DNS alone")->excludes(dns);
  command->add_flag("--no-ipv6", a->no_ipv6, "leave IPv6 alone");
  command->add_flag("--no-inbound", a->ingress, "leave inbound traffic alone (ingress gateways)");
  command->add_option("--virtual-interface", a->virtual_interfaces,
                      "treat TCP arriving on this interface as outbound; may be repeated");
  command->add_flag("--keep-pending", a->keep_pending,
                    "stay enrolled, and try again, if the daemon does not take it now");
  command->add_flag("--force", a->force,
                    "even if it is the namespace the agent runs in, or has redirection of somebody "
                    "else, which is then replaced");
  command->callback([a, &exit_code] { exit_code = report("enroll", enroll(*a)); });
}

}  // namespace

void add_enrolment(CLI::App& app, int& exit_code) {
  add_enroll(app, exit_code);

  const auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("withdraw", "take a network namespace out of the mesh");
  add_where(*command, a);
  add_socket(*command, a);
  command->add_option("--uid", a->uid, "the pod's uid");
  command->add_option("--workload", a->workload,
                      "the pod: NAMESPACE/NAME, or with /SERVICE-ACCOUNT");
  command->add_flag("--force", a->force, "remove rules that this agent knows nothing of");
  command->callback([a, &exit_code] { exit_code = report("withdraw", withdraw(*a)); });

  const auto b = std::make_shared<Arguments>();
  auto* listing = app.add_subcommand("enrolments", "what this node's agent keeps in the mesh");
  add_socket(*listing, b);
  listing->callback([b, &exit_code] { exit_code = list(*b); });
}

}  // namespace culvert::cli
