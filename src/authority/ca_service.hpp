// istio.v1.auth.IstioCertificateService: the messages around Realm::issue().
#pragma once

#include "authority/realm.hpp"

#include "proto/ca.grpc.pb.h"

#include <boost/asio/io_context.hpp>

namespace culvert::authority {

// Calls arrive on gRPC's threads and are answered on the loop. `loop` and `realm` outlive it.
class CaService final : public istio::v1::auth::IstioCertificateService::CallbackService {
 public:
  CaService(boost::asio::io_context& loop, Realm& realm) : loop_(loop), realm_(realm) {}

  grpc::ServerUnaryReactor* CreateCertificate(
      grpc::CallbackServerContext* context, const istio::v1::auth::IstioCertificateRequest* request,
      istio::v1::auth::IstioCertificateResponse* response) override;

 private:
  grpc::Status answer(const grpc::CallbackServerContext& context,
                      const istio::v1::auth::IstioCertificateRequest& request,
                      istio::v1::auth::IstioCertificateResponse& response);

  boost::asio::io_context& loop_;
  Realm& realm_;
};

}  // namespace culvert::authority
