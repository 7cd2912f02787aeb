// Certificate requests from the network. The first byte says what the rest is: PEM text, DER, or
// the subjectAltName of a request that is properly signed (random bytes never get past a signature
// check). What is accepted must be signable.
#include "authority/ca.hpp"
#include "authority/enrolment.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>

namespace {

using namespace culvert;
using namespace culvert::authority;

const WallTime kNow = WallClock::from_time_t(1'800'000'000);

std::string pem_of_der(std::string_view der) {
  std::string text(4 * ((der.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(der.data()),
                                     static_cast<int>(der.size()));
  text.resize(static_cast<std::size_t>(length));
  std::string lines;
  for (std::size_t i = 0; i < text.size(); i += 64) lines += text.substr(i, 64) + "\n";
  return "-----BEGIN CERTIFICATE REQUEST-----\n" + lines + "-----END CERTIFICATE REQUEST-----\n";
}

std::string signed_request(std::string_view san) {
  static const KeyPtr key = *make_key();
  const std::unique_ptr<X509_REQ, OpensslFree<X509_REQ_free>> request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), key.get());
  const std::unique_ptr<ASN1_OCTET_STRING, OpensslFree<ASN1_OCTET_STRING_free>> value(
      ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(value.get(), reinterpret_cast<const unsigned char*>(san.data()),
                        static_cast<int>(san.size()));
  STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
  sk_X509_EXTENSION_push(
      extensions, X509_EXTENSION_create_by_NID(nullptr, NID_subject_alt_name, 1, value.get()));
  X509_REQ_add_extensions(request.get(), extensions);
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, OpensslFree<BIO_free>> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto ca =
      *CertificateAuthority::open(*CertificateAuthority::make_root("cluster.local", kNow), kNow);
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto request = read_signing_request(data[0] % 3 == 0   ? std::string(rest)
                                            : data[0] % 3 == 1 ? pem_of_der(rest)
                                                               : signed_request(rest));
  if (!request) return 0;
  const auto identity = decide_identity({}, {}, request->uris, "cluster.local", Roster());
  if (identity) std::abort();  // an empty roster knows nobody
  const auto who = *Identity::parse("spiffe://cluster.local/ns/a/sa/b");
  if (!ca.issue(*request, who, std::chrono::seconds(60), kNow)) std::abort();
  return 0;
}
