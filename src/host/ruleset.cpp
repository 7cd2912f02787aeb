// The text of the nftables rules. Names, order, marks and ports are those istio-cni uses, so that
// its own tools recognise and replace them: mark 0x539 is the daemon's own packets, connection
// mark 0x111 the connections it opened towards the application with the client's address.
#include "host/ruleset.hpp"

#include "culvert/host/redirection.hpp"

#include <sstream>

namespace culvert::host {
namespace {

constexpr const char* kProbe4 = "169.254.7.127";
constexpr const char* kProbe6 = "fd16:9254:7127:1337:ffff:ffff:ffff:ffff";
constexpr const char* kNotOurs = "meta mark & 0xfff != 0x539";

// One table being written: every command names table and chain.
class Table {
 public:
  Table(std::ostream& out, const char* name) : out_(out), name_(name) {
    out_ << "add table inet " << name_ << "\nflush table inet " << name_ << "\n";
  }
  // A base chain that jumps to the chain of our rules, as istio-cni lays them out.
  void hook(const char* base, const char* type, int priority, const char* chain) {
    out_ << "add chain inet " << name_ << " " << base << " { type " << type << " hook " << base
         << " priority " << priority << "; }\nadd chain inet " << name_ << " " << chain << "\n";
    rule(base, std::string("jump ") + chain);
  }
  void rule(const char* chain, const std::string& text) {
    out_ << "add rule inet " << name_ << " " << chain << " " << text << "\n";
  }

 private:
  std::ostream& out_;
  const char* name_;
};

void write_mangle(std::ostream& out) {
  Table table(out, kMangleTable);
  table.hook("prerouting", "filter", -150, "istio-prerouting");
  table.hook("output", "route", -150, "istio-output");
  table.rule("istio-prerouting",
             "meta mark & 0xfff == 0x539 counter ct mark set ct mark & 0xfffff000 | 0x111");
  table.rule("istio-output", "ct mark & 0xfff == 0x111 counter meta mark set ct mark");
}

void write_inbound(Table& table, const RedirectOptions& options) {
  const char* chain = "istio-prerouting";
  for (const auto& name : options.virtual_interfaces) {
    const auto match = "iifname \"" + name + "\" meta l4proto tcp counter ";
    table.rule(chain, match + "redirect to :15001");
    table.rule(chain, match + "return");
  }
  if (options.ingress) return;
  // The kubelet's probes arrive from this address and must reach the application.
  table.rule(chain, std::string("meta l4proto tcp ip saddr ") + kProbe4 + " counter accept");
  if (options.ipv6)
    table.rule(chain, std::string("meta l4proto tcp ip6 saddr ") + kProbe6 + " counter accept");
  const auto rest = std::string(" tcp dport != 15008 ") + kNotOurs + " counter redirect to :15006";
  table.rule(chain, "ip daddr != 127.0.0.1/32" + rest);
  if (options.ipv6) table.rule(chain, "ip6 daddr != ::1/128" + rest);
}

void write_outbound_dns(Table& table, const RedirectOptions& options) {
  const char* chain = "istio-output";
  const auto rest = std::string(" counter redirect to :15053");
  table.rule(chain, std::string("oifname != \"lo\" ") + kNotOurs + " udp dport 53" + rest);
  const auto tcp = std::string(" tcp dport 53 ") + kNotOurs + rest;
  table.rule(chain, "ip daddr != 127.0.0.1/32" + tcp);
  if (options.ipv6) table.rule(chain, "ip6 daddr != ::1/128" + tcp);
}

void write_outbound(Table& table, const RedirectOptions& options) {
  const char* chain = "istio-output";
  table.rule(chain, std::string("meta l4proto tcp ip daddr ") + kProbe4 + " counter accept");
  if (options.ipv6)
    table.rule(chain, std::string("meta l4proto tcp ip6 daddr ") + kProbe6 + " counter accept");
  if (options.dns) write_outbound_dns(table, options);
  table.rule(chain, "meta l4proto tcp meta mark & 0xfff == 0x111 counter accept");
  table.rule(chain, "oifname \"lo\" ip daddr != 127.0.0.1/32 counter accept");
  if (options.ipv6) table.rule(chain, "oifname \"lo\" ip6 daddr != ::1/128 counter accept");
  const auto rest = std::string(" ") + kNotOurs + " counter redirect to :15001";
  table.rule(chain, "meta l4proto tcp ip daddr != 127.0.0.1/32" + rest);
  if (options.ipv6) table.rule(chain, "meta l4proto tcp ip6 daddr != ::1/128" + rest);
}

// The daemon's own DNS queries live in a conntrack zone of their own: their answers must not be
// taken for answers to the application's redirected queries.
void write_raw(std::ostream& out) {
  Table table(out, kRawTable);
  table.hook("prerouting", "filter", -300, "istio-prerouting");
  table.hook("output", "filter", -300, "istio-output");
  table.rule("istio-output", "udp dport 53 meta mark & 0xfff == 0x539 counter ct zone set 1");
  table.rule("istio-prerouting",
             std::string("udp sport 53 ") + kNotOurs + " counter ct zone set 1");
}

}  // namespace

std::string redirection_ruleset(const RedirectOptions& options) {
  std::ostringstream out;
  write_mangle(out);
  Table nat(out, kNatTable);
  nat.hook("prerouting", "nat", -100, "istio-prerouting");
  nat.hook("output", "nat", -100, "istio-output");
  write_inbound(nat, options);
  write_outbound(nat, options);
  if (options.dns)
    write_raw(out);
  else
    out << delete_table(kRawTable);
  return out.str();
}

std::string delete_table(const char* name) {
  // Adding first makes deleting what is not there succeed.
  return std::string("add table inet ") + name + "\ndelete table inet " + name + "\n";
}

}  // namespace culvert::host
