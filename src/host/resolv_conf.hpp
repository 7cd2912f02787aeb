// Whom the programs of a namespace ask for names: the resolv.conf(5) that they read.
#pragma once

#include "culvert/base/address.hpp"
#include "culvert/host/netns.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace culvert::host {

// The servers that libc asks where this is the text of resolv.conf(5): the first three, on port 53.
// Those with a zone (link-local) are left out: they mean something in one namespace only.
std::vector<IpAddress> asked_by_libc(std::string_view resolv_conf);

// One resolv.conf and what it says.
struct ResolvConf {
  std::string path;    // as its readers call it: /etc/resolv.conf, /etc/netns/web/resolv.conf
  bool nodes = false;  // it is the file that the node itself uses
  std::vector<IpAddress> nameservers;
};

// The file that programs in `netns` read, which a person calls `ref`: what `ip netns exec` puts in
// the place of /etc/resolv.conf, else that of a process in it, else the node's. What cannot be read
// names nobody. Reading from a process's own root is the pod's to slow down, therefore a second is
// all that it takes.
ResolvConf resolv_conf_of(const NetnsRef& ref, const Netns& netns);

// Why names will not resolve in there although queries are captured: none of the servers is asked
// by way of an interface. One sentence with what to do, empty if all is well.
std::string unasked_servers(const NetnsRef& ref, int netns_fd, const ResolvConf& conf);

}  // namespace culvert::host
