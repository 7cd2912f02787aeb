// What tests of gRPC clients share: a server on a loopback port, files that change, an io_context
// that runs until something is true.
#pragma once

#include "control/server/server_certificate.hpp"
#include "culvert/base/time.hpp"

#include <boost/asio/io_context.hpp>

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace culvert::testing {

// Serves `service` until destroyed; with TLS when a certificate is given.
class LoopbackServer {
 public:
  explicit LoopbackServer(grpc::Service& service, const ServerCertificate* certificate = nullptr,
                          int port = 0) {
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (certificate != nullptr) {
      grpc::SslServerCredentialsOptions options;
      options.pem_key_cert_pairs.push_back({certificate->key, certificate->certificate});
      credentials = grpc::SslServerCredentials(options);
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), credentials, &port_);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
  }
  ~LoopbackServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  int port() const { return port_; }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// A file in a directory of its own.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text = {}) {
    std::string pattern = (std::filesystem::temp_directory_path() / "culvert-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    write(text);
  }
  ~TemporaryFile() { std::filesystem::remove_all(directory_); }
  TemporaryFile(const TemporaryFile&) = delete;
  void write(const std::string& text) const { std::ofstream(path()) << text; }
  std::string path() const { return directory_ + "/file"; }

 private:
  std::string directory_;
};

// Runs handlers until `condition`; fails the test after 20 s.
template <class F>
void run_until(boost::asio::io_context& io, F condition) {
  const auto limit = Clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (Clock::now() > limit) {
      ADD_FAILURE() << "waited too long";
      return;
    }
    io.restart();
    io.run_one_for(std::chrono::milliseconds(10));
  }
}

}  // namespace culvert::testing
