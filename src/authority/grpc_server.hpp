// The gRPC server as a value: services and serving certificate in, bound addresses out.
#pragma once

#include "authority/ca.hpp"
#include "authority/ca_service.hpp"
#include "authority/xds_service.hpp"
#include "culvert/base/address.hpp"

#include <memory>
#include <vector>

namespace culvert::authority {

struct RunningServer {
  std::unique_ptr<grpc::Server> server;
  std::vector<SocketAddress> addresses;  // as asked for, with the ports that were bound
};

// Binds all of `listen` with TLS and serves; the services outlive the server. Errc::io names the
// address that could not be bound.
Result<RunningServer> serve(const std::vector<SocketAddress>& listen, const KeyAndCert& certificate,
                            XdsService& xds, CaService& ca);

}  // namespace culvert::authority
