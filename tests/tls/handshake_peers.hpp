// Who shakes hands in the tests: three identities, and our own ends of a connection for them.
#pragma once

#include "culvert/tls/handshake.hpp"
#include "tls/endpoint.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace culvert::tls {

inline Identity id(const std::string& uri) { return *Identity::parse(uri); }
inline const Identity kClient = id("spiffe://cluster.local/ns/shop/sa/cart");
inline const Identity kServer = id("spiffe://cluster.local/ns/shop/sa/stock");
inline const Identity kOther = id("spiffe://cluster.local/ns/shop/sa/other");

using CertificatePtr = std::shared_ptr<const Certificate>;

inline std::unique_ptr<OwnEndpoint> own_server(const CertificatePtr& certificate,
                                               const TlsOptions& options = {}) {
  const auto context = *ServerContext::create(certificate, options);
  return std::make_unique<OwnEndpoint>(*Handshake::server(*context));
}

inline std::unique_ptr<OwnEndpoint> own_client(const CertificatePtr& certificate,
                                               std::vector<Identity> expected,
                                               const TlsOptions& options = {}) {
  const auto context = *ClientContext::create(certificate, options);
  return std::make_unique<OwnEndpoint>(*Handshake::client(*context, std::move(expected)));
}

}  // namespace culvert::tls
