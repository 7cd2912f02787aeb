// istio.v1.auth.IstioCertificateService: the messages around Realm::issue().
#pragma once

#include "authority/realm.hpp"

#include <grpcpp/impl/service_type.h>

#include <boost/asio/io_context.hpp>

namespace culvert::authority {

// CreateCertificate is unary on the wire. It is served as a stream all the same: gRPC collects the
// whole message of a unary call, tens of MiB of it, before it asks anybody whether the caller is
// known; of a stream it reads nothing until it is told to.
// Calls arrive on gRPC's threads and are answered on the loop. `loop` and `realm` outlive it, and
// the loop runs until every call has ended.
class CaService final : public grpc::Service {
 public:
  CaService(boost::asio::io_context& loop, Realm& realm);
};

}  // namespace culvert::authority
