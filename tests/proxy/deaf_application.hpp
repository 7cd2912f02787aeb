// An application whose queue of connections is full: the kernel drops what else comes, so that a
// connect to it neither succeeds nor fails.
#pragma once

#include <gtest/gtest.h>

#include <sys/socket.h>

#include "culvert/net/socket.hpp"

namespace culvert::proxy::testing {

class DeafApplication {
 public:
  explicit DeafApplication(IpAddress ip = IpAddress::v4_loopback()) {
    auto fd = net::listen_tcp({}, SocketAddress{ip, 0}, {}, {});
    listener_ = std::move(*fd);
    EXPECT_EQ(::listen(listener_.get(), 0), 0);  // room for one
    address_ = *net::local_address(listener_.get());
    auto first = net::dial_socket({}, address_, std::nullopt, {});
    EXPECT_TRUE(net::start_connect(first->get(), address_).has_value());
    first_ = std::move(*first);
  }
  const SocketAddress& address() const { return address_; }

 private:
  UniqueFd listener_;
  SocketAddress address_;
  UniqueFd first_;
};

}  // namespace culvert::proxy::testing
