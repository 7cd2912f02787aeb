// What the tests of the control plane share: a small mesh in a file, tokens, the control plane on
// the loopback interface and a channel to it.
#pragma once

#include "authority/client_stream.hpp"
#include "culvert/authority/control_plane.hpp"
#include "culvert/base/file.hpp"
#include "support/temp_dir.hpp"

#include "proto/ca.grpc.pb.h"

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace culvert::authority::test {

using namespace std::chrono_literals;
namespace auth = istio::v1::auth;

inline constexpr const char* kCart = "spiffe://cluster.local/ns/shop/sa/cart";
inline constexpr const char* kTokens = "all-powers\nnode-a:token-of-a\nnode-b:token-of-b\n";

inline std::string workload(const std::string& name, const std::string& ip,
                            const std::string& node) {
  return "- {uid: \"c1//Pod/shop/" + name + "\", name: " + name +
         ", namespace: shop, serviceAccount: " + name + ", workloadIps: [\"" + ip +
         "\"], protocol: HBONE, node: " + node + ", services: {}}\n";
}

inline std::string mesh(const std::string& workloads) {
  return "workloads:\n" + workloads +
         "services:\n- {name: cart, namespace: shop, hostname: cart.shop, vips: "
         "[\"/198.19.0.1\"], ports: {80: 8080}}\n"
         "policies:\n- {name: deny, namespace: shop, scope: Namespace, action: Deny, dryRun: "
         "false, rules: []}\n";
}

inline std::string two_workloads() {
  return workload("cart", "198.18.0.5", "node-a") + workload("front", "198.18.0.6", "node-b");
}

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest() {
    options_.config = temp_.write("mesh.yaml", mesh(two_workloads()));
    options_.token_file = temp_.write_secret("tokens", kTokens);
    options_.state_dir = temp_.path() / "state";
    options_.listen = {{IpAddress::v4_loopback(), 0}};
    options_.debounce = 2ms;
  }

  void start() {
    auto started = ControlPlane::start(options_);
    ASSERT_TRUE(started) << started.error().detail;
    plane_ = std::move(*started);
    channel_ = channel(*read_file(plane_->root_certificate()));
  }
  std::shared_ptr<grpc::Channel> channel(const std::string& roots) const {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = roots;
    const auto target = "localhost:" + std::to_string(plane_->addresses().front().port);
    return grpc::CreateChannel("ipv4:127.0.0.1:" + target.substr(10), grpc::SslCredentials(tls));
  }
  // One CreateCertificate call.
  grpc::Status create(const std::string& token, const std::string& csr,
                      const std::string& impersonated, auth::IstioCertificateResponse* response,
                      std::int64_t seconds = 600) {
    grpc::ClientContext context;
    prepare(context, token);
    auth::IstioCertificateRequest request;
    request.set_csr(csr);
    request.set_validity_duration(seconds);
    if (!impersonated.empty())
      (*request.mutable_metadata()->mutable_fields())["ImpersonatedIdentity"].set_string_value(
          impersonated);
    return auth::IstioCertificateService::NewStub(channel_)->CreateCertificate(&context, request,
                                                                               response);
  }

  // Returns when everything that was written before has been looked at: the token file comes last.
  void let_it_look() {
    const std::string token = "barrier-" + std::to_string(++barriers_);
    temp_.write("tokens", kTokens + token + "\n");
    const auto limit = std::chrono::steady_clock::now() + 10s;
    auth::IstioCertificateResponse unused;
    while (create(token, "", "", &unused).error_code() == grpc::StatusCode::UNAUTHENTICATED)
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "the token file was not read";
  }

  int barriers_ = 0;
  testing::TempDir temp_;
  Options options_;
  std::unique_ptr<ControlPlane> plane_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace culvert::authority::test
