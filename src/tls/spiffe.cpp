#include "tls/spiffe.hpp"

#include "tls/openssl.hpp"

namespace culvert::tls {

std::vector<std::string> uri_sans(const x509_st* certificate) {
  std::vector<std::string> uris;
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

std::string shown(std::string_view uri) {
  static constexpr std::size_t kShown = 256;
  if (uri.size() <= kShown) return std::string(uri);
  return std::string(uri.substr(0, kShown - 3)) + "...";
}

std::vector<Identity> spiffe_ids(const x509_st* certificate) {
  std::vector<Identity> ids;
  for (const std::string& uri : uri_sans(certificate))
    if (auto id = Identity::parse(uri)) ids.push_back(*std::move(id));
  return ids;
}

}  // namespace culvert::tls
