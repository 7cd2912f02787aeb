// The node's own resolvers: the daemon asks them for the hostnames of workloads, and passes pods'
// queries on to them where the pods' own are not known. Follows /etc/resolv.conf.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "culvert/proxy/resolvers.hpp"

namespace culvert::app {

// What is wrong with them, for the log; `consequence` is empty where nothing is.
struct ResolverTrouble {
  std::string_view consequence;
  std::string_view why;
};

// `answer_pods`: pods' queries are passed on to them. Otherwise only the daemon asks, which may do
// so on loopback.
ResolverTrouble trouble_with(const dns::Resolvers& resolvers, bool answer_pods);

// Control thread only: the file is read here, never on a worker.
class ResolvConf {
 public:
  // How often it looks whether the file has changed. It is a small file that few ever edit, and in
  // a container it is mounted over, which file watching does not see.
  static constexpr auto kLook = std::chrono::seconds(3);

  // `resolvers` outlives it. `answer_pods` as above.
  ResolvConf(boost::asio::io_context& control, proxy::NodeResolvers& resolvers, bool answer_pods,
             std::string path = "/etc/resolv.conf");

  // Reads the file now and whenever it changes. A file that cannot be read or names nobody gives a
  // warning; what is known by then stays only while there is no file.
  void follow();

 private:
  // What tells one state of the file from another.
  struct Stamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t seconds = 0, nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  std::optional<Stamp> look() const;
  void load();
  void warn(const ResolverTrouble& trouble) const;
  void look_later();

  proxy::NodeResolvers& resolvers_;
  const bool answer_pods_;
  const std::string path_;
  std::optional<Stamp> loaded_;
  boost::asio::steady_timer timer_;
};

}  // namespace culvert::app
