// A certificate authority in memory: roots, intermediates and leaves for tests, with every property
// that a test wants to be wrong. And a CertificateSource on top of it.
#pragma once

#include "culvert/base/identity.hpp"
#include "culvert/tls/certificate.hpp"
#include "culvert/tls/certificate_source.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace culvert::testing {

// What a leaf should look like. Times are relative to now.
struct LeafOptions {
  std::chrono::seconds not_before{-60};
  std::chrono::seconds not_after{3600};
  // OpenSSL's extendedKeyUsage text; empty for no extension.
  std::string usage = "serverAuth,clientAuth";
  // URI SANs instead of the identity's own; an empty vector means the identity's own.
  std::vector<std::string> uris;
};

// PEM of one leaf: chain elements as a CA answers (leaf, intermediates, root bundle) and the key.
struct IssuedPem {
  std::vector<std::string> chain;
  std::string key;
};

// One root, and as many intermediates below it as asked for. Any failure aborts the test program.
// Safe from several threads.
class TestCa {
 public:
  explicit TestCa(int intermediates = 0, const std::string& name = "test root");
  ~TestCa();
  TestCa(const TestCa&) = delete;

  // A leaf for `identity` with a fresh P-256 key.
  IssuedPem issue_pem(const Identity& identity, const LeafOptions& options = {});
  std::shared_ptr<const tls::Certificate> issue(const Identity& identity,
                                                const LeafOptions& options = {});
  // Signs the public key of a PEM request for `identity`: what CreateCertificate answers. Aborts on
  // a request whose signature is wrong.
  std::vector<std::string> sign_csr(const std::string& csr_pem, const Identity& identity,
                                    const LeafOptions& options = {});
  // The root certificate as PEM.
  const std::string& root_pem() const;
  // Also trust these: later chains end in a bundle of the own root and `pem`.
  void add_trust(const std::string& pem);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Hands out certificates of a TestCa, or fails for identities told to fail. Calls `done` before
// fetch() returns.
class FakeCertificateSource : public tls::CertificateSource {
 public:
  // `ca` outlives the source.
  explicit FakeCertificateSource(TestCa& ca) : ca_(ca) {}
  std::shared_ptr<const tls::Certificate> cached(const Identity& identity) override;
  void fetch(const Identity& identity, tls::Priority priority, Done done) override;

  // fetch() for `identity` fails with Errc::identity and `detail` from now on.
  void fail_for(const Identity& identity, const std::string& detail);
  // Replaces what is held for `identity`.
  void put(const Identity& identity, std::shared_ptr<const tls::Certificate> certificate);
  // How many times fetch() was called.
  int fetches() const;

 private:
  TestCa& ca_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const tls::Certificate>> held_;  // guarded by mutex_
  std::map<std::string, std::string> failing_;                           // guarded by mutex_
  int fetches_ = 0;                                                      // guarded by mutex_
};

}  // namespace culvert::testing
