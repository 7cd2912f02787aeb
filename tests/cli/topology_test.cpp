// The demo's network by itself: pods reach each other in both families, and the wiretap sees it.
#include "cli/demo/topology.hpp"
#include "cli/demo/capture.hpp"
#include "cli/demo/mesh_file.hpp"
#include "cli/demo/process.hpp"
#include "cli/http.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

namespace culvert::cli::demo {
namespace {

using ::testing::HasSubstr;

class TopologyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes network namespaces of its own";
    if (std::filesystem::exists("/run/culvert-demo")) GTEST_SKIP() << "a demo is standing";
  }
};

Result<Finished> in(const Place& place, const std::string& words) {
  Command command;
  command.words = {"sh", "-c", words};
  command.netns_fd = place.fd();
  return run(command);
}

TEST_F(TopologyTest, JoinsThePodsAndLeavesNothing) {
  {
    const auto made = Topology::make();
    ASSERT_TRUE(made) << made.error().detail;
    auto capture = Capture::start(made->wire().fd(), Topology::tap(), {"findme", "NOT FOUND"});
    ASSERT_TRUE(capture) << capture.error().detail;
    Command server;
    // Not `python3 -m http.server`, which asks DNS for its own name, for seconds where none
    // answers.
    server.words = {"python3", "-c",
                    "import http.server as h, socket, socketserver as s\n"
                    "s.TCPServer.address_family = socket.AF_INET6\n"
                    "s.TCPServer(('::', 8080), h.SimpleHTTPRequestHandler).serve_forever()"};
    server.netns_fd = made->server().fd();
    server.output = "/dev/null";
    auto process = Process::start(server);
    ASSERT_TRUE(process);
    for (const auto& ip : {made->server().v4, made->server().v6}) {
      Result<HttpResponse> response = fail(Errc::io);
      for (int i = 0; i < 100 && !response; ++i) {
        response =
            http_exchange(made->client().fd(), {ip, 8080}, {.target = "/findme", .headers = {}});
        if (!response) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      ASSERT_TRUE(response) << response.error().detail;
      EXPECT_EQ(response->status, 404U);
    }
    EXPECT_GE((*capture)->stop().readable_requests, 2U);
    const auto seen = in(made->node_a(), "ip -o route get 198.18.2.10");
    ASSERT_TRUE(seen);
    EXPECT_THAT(seen->output, HasSubstr("via 198.18.10.1"));
  }
  Command list;
  list.words = {"ip", "netns", "list"};
  EXPECT_THAT(run(list)->output, ::testing::Not(HasSubstr("culvert-pod-client")));
}

}  // namespace
}  // namespace culvert::cli::demo
