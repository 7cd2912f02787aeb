// A large mesh: what an update costs, and readers that look while it is applied.
#include "culvert/state/route.hpp"

#include "state/mesh.hpp"

#include <atomic>
#include <thread>

namespace culvert::state {
namespace {

using test::in;
using test::pod;
using test::service;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kServices = 1'000;  // a tenth: instrumented builds are an order slower
#else
constexpr int kServices = 10'000;
#endif
constexpr int kPods = kServices * 10;

std::string address(int net, int number) {
  return "10." + std::to_string(net + number / 65536) + "." + std::to_string(number / 256 % 256) +
         "." + std::to_string(number % 256);
}

std::string service_name(int number) { return "s" + std::to_string(number); }

Workload numbered_pod(int number) {
  return in(
      pod("ns" + std::to_string(number % 50), "p" + std::to_string(number), {address(0, number)}),
      "shop/" + service_name(number % kServices));
}

// Ten pods a service, pods first, so that all of them are staged.
Update large_mesh() {
  Update update;
  for (int i = 0; i < kPods; ++i) update.workloads.push_back(numbered_pod(i));
  for (int i = 0; i < kServices; ++i)
    update.services.push_back(service("shop", service_name(i), {address(128, i)}));
  return update;
}

TEST(Scale, AnUpdateCostsWhatChanged) {
  test::Mesh mesh;
  mesh.store.apply(large_mesh());
  EXPECT_EQ(mesh.store.view().workload_count(), std::size_t{kPods});
  // A workload: uid, address, identity, endpoint. A service: key, address, hostname.
  EXPECT_LE(mesh.store.operations(), std::uint64_t{kPods} * 4 + std::uint64_t{kServices} * 3);

  const auto cost = [&](auto change) {
    const auto before = mesh.store.operations();
    change();
    return mesh.store.operations() - before;
  };
  Workload one = numbered_pod(5);
  EXPECT_EQ(cost([&] { mesh.add(one); }), 0u) << "an equal record costs nothing";
  one.capacity = 9;
  EXPECT_LE(cost([&] { mesh.add(one); }), 8u);
  EXPECT_LE(cost([&] { mesh.remove(one.uid.str()); }), 4u);
  Service s = service("shop", service_name(5), {address(128, 5)});
  s.canonical = true;
  EXPECT_LE(cost([&] { mesh.add(s); }), 6u);
  EXPECT_LE(cost([&] { mesh.remove("shop/" + service_name(5)); }), 3u);
}

TEST(Scale, OneServiceWithAllPods) {
  test::Mesh mesh;
  mesh.add(service("shop", "all", {"10.200.0.1"}));
  Update update;
  for (int i = 0; i < kPods; ++i)
    update.workloads.push_back(
        in(pod("shop", "p" + std::to_string(i), {address(0, i)}), "shop/all"));
  mesh.store.apply(std::move(update));
  EXPECT_LE(mesh.store.operations(), std::uint64_t{kPods} * 4 + 3);
  const auto held = mesh.store.view().find_service(test::key("shop/all"));
  mesh.remove("c1//Pod/shop/p7");
  EXPECT_EQ(mesh.store.view().find_service(test::key("shop/all")), held)
      << "a pod that goes leaves the service's record alone";
}

// Connections are decided all the time while batches come and go. A pod that is replaced is never
// missing in between, and a service that is only updated never lacks endpoints.
TEST(Concurrency, ReadersSeeWholeRecords) {
  test::Mesh mesh;
  const auto batch = [](std::uint32_t capacity) {
    Update update;
    for (int i = 0; i < 300; ++i) {
      update.workloads.push_back(numbered_pod(i));
      update.workloads.back().capacity = capacity;
      update.services.push_back(service("shop", service_name(i), {address(128, i)}));
      update.services.back().canonical = capacity % 2 == 0;
    }
    return update;
  };
  mesh.store.apply(batch(1));
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> decisions{0};
  const auto reader = [&](std::uint64_t seed) {
    Random random(seed);
    const InternalPorts ports;
    const auto source = mesh.workload(numbered_pod(0).uid.view());
    std::uint64_t last_generation = 0;
    while (!done.load()) {
      const auto generation = mesh.store.generation();
      if (generation < last_generation) ++wrong;
      last_generation = generation;
      const int number = static_cast<int>(random.below(300));
      const auto vip = test::ip(address(128, number));
      const auto d = decide_outbound(mesh.store.view(), {source, {vip, 80}, &ports}, random);
      if (d.kind != OutboundDecision::Kind::hbone) ++wrong;
      ++decisions;
    }
  };
  std::thread first(reader, 1);
  std::thread second(reader, 2);
  while (decisions.load() == 0) std::this_thread::yield();
  for (std::uint32_t round = 2; round < 30; ++round) {
    mesh.store.apply(batch(round));
    Update gone;
    for (int i = 300; i < 400; ++i) gone.removed_addresses.push_back(numbered_pod(i).uid.str());
    mesh.store.apply(std::move(gone));
    mesh.add(numbered_pod(300 + static_cast<int>(round)));
  }
  done = true;
  first.join();
  second.join();
  EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace culvert::state
