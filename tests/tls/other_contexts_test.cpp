// What a library that makes its own contexts is given. In a process of its own each time: there is
// no way back.
#include "culvert/tls/other_contexts.hpp"

#include "support/temp_dir.hpp"

#include <openssl/ssl.h>

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace culvert::tls {
namespace {

// Suites of TLS 1.3, versions below it, security level: of a context that is told nothing.
std::string new_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  std::string out;
  const auto* suites = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(suites); ++i) {
    const std::string name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i));
    if (name.starts_with("TLS_")) out += name + " ";
  }
  out += (SSL_CTX_get_options(context) & SSL_OP_NO_TLSv1_2) != 0 ? "1.3" : "1.2";
  out += " level " + std::to_string(SSL_CTX_get_security_level(context));
  SSL_CTX_free(context);
  return out;
}

class OtherContextsDeathTest : public ::testing::Test {
 protected:
  // On a machine with that configuration.
  void restrict_and_tell(const std::string& machine, bool tls12) const {
    ::setenv("OPENSSL_CONF", temp_.write("openssl.cnf", machine).c_str(), 1);
    const auto done = restrict_other_contexts(tls12);
    std::fputs((done ? new_context() : done.error().detail).c_str(), stderr);
    std::exit(0);
  }

  testing::TempDir temp_;
};

TEST_F(OtherContextsDeathTest, SpeakTls13WithAes) {
  EXPECT_EXIT(restrict_and_tell("", false), ::testing::ExitedWithCode(0),
              "^TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 1.3 level [0-9]$");
}

TEST_F(OtherContextsDeathTest, SpeakTls12WhereItIsAllowed) {
  EXPECT_EXIT(restrict_and_tell("", true), ::testing::ExitedWithCode(0),
              "^TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 1.2 level [0-9]$");
}

TEST_F(OtherContextsDeathTest, KeepWhatTheMachineSays) {
  EXPECT_EXIT(
      restrict_and_tell("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
                        "CipherString = DEFAULT:@SECLEVEL=3\n"
                        "Ciphersuites = TLS_CHACHA20_POLY1305_SHA256\n",
                        false),
      ::testing::ExitedWithCode(0), "^TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 1.3 level 3$");
}

}  // namespace
}  // namespace culvert::tls
