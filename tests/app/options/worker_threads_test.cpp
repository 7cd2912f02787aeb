#include "app/options/environment.hpp"

#include <gtest/gtest.h>

namespace culvert::app {
namespace {

struct Case {
  std::map<std::string, std::string> variables;
  unsigned threads;  // 0: refused
};
class WorkerThreads : public testing::TestWithParam<Case> {};

// The machine of test::environment has 8 CPUs.
TEST_P(WorkerThreads, FollowTheRules) {
  const auto options = test::parse(GetParam().variables);
  ASSERT_EQ(options.has_value(), GetParam().threads != 0);
  if (options) {
    EXPECT_EQ(options->worker_threads, GetParam().threads);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, WorkerThreads,
    testing::Values(
        Case{{}, 2}, Case{{{"ZTUNNEL_CPU_LIMIT", "16"}}, 4}, Case{{{"ZTUNNEL_CPU_LIMIT", "17"}}, 5},
        Case{{{"ZTUNNEL_CPU_LIMIT", "1"}}, 1}, Case{{{"ZTUNNEL_CPU_LIMIT", "3"}}, 2},
        Case{{{"ZTUNNEL_RESOURCE_CPU_REQUEST", "3500m"}}, 4},
        Case{{{"ZTUNNEL_RESOURCE_CPU_LIMIT", "1"}}, 1},
        Case{{{"ZTUNNEL_RESOURCE_CPU_LIMIT", "500m"}}, 1},
        Case{{{"ZTUNNEL_RESOURCE_CPU_LIMIT", "2"}, {"ZTUNNEL_RESOURCE_CPU_REQUEST", "3"}}, 3},
        Case{{{"ZTUNNEL_RESOURCE_CPU_LIMIT", "6"}, {"ZTUNNEL_CPU_LIMIT", "99"}}, 6},
        Case{{{"ZTUNNEL_WORKER_THREADS", "5"}}, 5}, Case{{{"ZTUNNEL_WORKER_THREADS", "0"}}, 8},
        Case{{{"ZTUNNEL_WORKER_THREADS", "50%"}}, 4}, Case{{{"ZTUNNEL_WORKER_THREADS", "1%"}}, 1},
        Case{{{"ZTUNNEL_WORKER_THREADS", "51%"}}, 5}, Case{{{"ZTUNNEL_WORKER_THREADS", "100%"}}, 8},
        Case{{{"ZTUNNEL_WORKER_THREADS", "0.5%"}}, 1},
        Case{{{"ZTUNNEL_WORKER_THREADS", "50%"}, {"ZTUNNEL_RESOURCE_CPU_LIMIT", "2"}}, 1},
        Case{{{"PROXY_CONFIG", "concurrency: 7"}}, 7},
        Case{{{"PROXY_CONFIG", "concurrency: 0"}}, 8},
        Case{{{"PROXY_CONFIG", "concurrency: 7"}, {"ZTUNNEL_WORKER_THREADS", "3"}}, 3},
        Case{{{"PROXY_CONFIG", "concurrency: 7"}, {"ZTUNNEL_RESOURCE_CPU_LIMIT", "2"}}, 7},
        Case{{{"ZTUNNEL_WORKER_THREADS", "0%"}}, 0}, Case{{{"ZTUNNEL_WORKER_THREADS", "101%"}}, 0},
        Case{{{"ZTUNNEL_WORKER_THREADS", "-1"}}, 0}, Case{{{"ZTUNNEL_WORKER_THREADS", "%"}}, 0},
        Case{{{"ZTUNNEL_WORKER_THREADS", ""}}, 0}, Case{{{"ZTUNNEL_WORKER_THREADS", "2 "}}, 0},
        Case{{{"ZTUNNEL_WORKER_THREADS", "nan%"}}, 0}, Case{{{"ZTUNNEL_CPU_LIMIT", "0"}}, 0},
        Case{{{"ZTUNNEL_CPU_LIMIT", "two"}}, 0},
        Case{{{"ZTUNNEL_RESOURCE_CPU_REQUEST", "1500k"}}, 0}));

}  // namespace
}  // namespace culvert::app
