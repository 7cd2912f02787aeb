// What a certificate authority answers: chain elements of PEM, separated by a zero byte; in front
// of them the private key, so that whole chains are accepted too.
#include "culvert/tls/certificate.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

using namespace culvert;
using namespace culvert::tls;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == 0)
      parts.emplace_back();
    else
      parts.back().push_back(static_cast<char>(data[i]));
  }
  static const auto spare = PrivateKey::generate();
  auto key = PrivateKey::from_pem(parts.front());
  const std::vector<std::string> chain(parts.begin() + 1, parts.end());
  const auto made = Certificate::from_pem(chain, key ? *key : *spare, std::nullopt);
  if (!made) return 0;
  const auto description = (*made)->describe();
  if (description.chain.empty() || description.roots.empty()) std::abort();
  if (!Identity::parse((*made)->identity().uri())) std::abort();
  return 0;
}
