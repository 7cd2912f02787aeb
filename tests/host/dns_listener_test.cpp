// Who answers captured DNS, by what the kernel lists.
#include "host/dns_listener.hpp"

#include "host/sandbox.hpp"

namespace culvert::host::testing {
namespace {

struct Bound {
  const char* name;
  const char* address;
  bool reached;
};

class DnsListener : public RootTest<::testing::TestWithParam<Bound>> {};

TEST_P(DnsListener, IsOneThatRedirectedQueriesReach) {
  const Sandbox box;
  EXPECT_FALSE(*serves_dns(box.fd()));
  auto socket = bind_udp_in(box, addr(GetParam().address));
  ASSERT_TRUE(socket);
  EXPECT_EQ(*serves_dns(box.fd()), GetParam().reached);
  socket.reset();
  EXPECT_FALSE(*serves_dns(box.fd()));
}

INSTANTIATE_TEST_SUITE_P(Table, DnsListener,
                         ::testing::Values(Bound{"Loopback", "127.0.0.1:15053", true},
                                           Bound{"Everywhere4", "0.0.0.0:15053", true},
                                           Bound{"Everywhere", "[::]:15053", true},
                                           Bound{"SixOnly", "[::1]:15053", false},
                                           Bound{"AnotherPort", "127.0.0.1:53", false},
                                           Bound{"AnotherLoopback", "127.0.0.2:15053", false}),
                         [](const auto& test) { return test.param.name; });

TEST(DnsListenerTable, IsReadFieldByField) {
  EXPECT_FALSE(lists_dns_listener(""));
  EXPECT_FALSE(lists_dns_listener("  sl  local_address rem_address   st tx_queue rx_queue\n"));
  // A remote address is no listener.
  EXPECT_FALSE(lists_dns_listener("  1: 00000000:0035 00000000:3ACD 07 00000000:00000000\n"));
  EXPECT_TRUE(lists_dns_listener("  1: 00000000:3ACD 00000000:0000 07 00000000:00000000\n"));
}

}  // namespace
}  // namespace culvert::host::testing
