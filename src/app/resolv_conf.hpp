// The node's own resolvers, for pods whose own are not known: follows /etc/resolv.conf.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "culvert/proxy/resolvers.hpp"

namespace culvert::app {

// Control thread only: the file is read here, never on a worker.
class ResolvConf {
 public:
  // How often it looks whether the file has changed. It is a small file that few ever edit, and in
  // a container it is mounted over, which file watching does not see.
  static constexpr auto kLook = std::chrono::seconds(3);

  // `resolvers` outlives it.
  ResolvConf(boost::asio::io_context& control, proxy::NodeResolvers& resolvers,
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
  void look_later();

  proxy::NodeResolvers& resolvers_;
  const std::string path_;
  std::optional<Stamp> loaded_;
  boost::asio::steady_timer timer_;
};

}  // namespace culvert::app
