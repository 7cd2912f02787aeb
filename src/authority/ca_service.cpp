#include "authority/ca_service.hpp"

#include "authority/rpc.hpp"
#include "culvert/base/log.hpp"

#include <boost/asio/post.hpp>

namespace culvert::authority {
namespace {

const log::Target kLog("authority::ca");

CertificateOrder read_order(const istio::v1::auth::IstioCertificateRequest& request) {
  CertificateOrder order{
      .csr = request.csr(), .impersonated = {}, .validity_seconds = request.validity_duration()};
  const auto& fields = request.metadata().fields();
  if (const auto found = fields.find("ImpersonatedIdentity"); found != fields.end())
    order.impersonated = found->second.string_value();
  return order;
}

Result<IssuedChain> issue(const Realm& realm, const std::string& authorization,
                          const istio::v1::auth::IstioCertificateRequest& request) {
  const auto caller = realm.authenticate(authorization);
  if (!caller) return caller.error();
  return realm.issue(*caller, read_order(request), WallClock::now());
}

}  // namespace

grpc::ServerUnaryReactor* CaService::CreateCertificate(
    grpc::CallbackServerContext* context, const istio::v1::auth::IstioCertificateRequest* request,
    istio::v1::auth::IstioCertificateResponse* response) {
  auto* reactor = context->DefaultReactor();
  // The three live until Finish().
  boost::asio::post(loop_, [this, reactor, context, request, response] {
    reactor->Finish(answer(*context, *request, *response));
  });
  return reactor;
}

grpc::Status CaService::answer(const grpc::CallbackServerContext& context,
                               const istio::v1::auth::IstioCertificateRequest& request,
                               istio::v1::auth::IstioCertificateResponse& response) {
  const auto peer = context.peer();
  const auto issued = issue(realm_, authorization_of(context), request);
  if (!issued) {
    log::warn(kLog, "certificate refused",
              {log::bare("peer", peer), log::str("reason", issued.error().detail)});
    return to_status(issued.error());
  }
  for (const auto& element : issued->chain) response.add_cert_chain(element);
  log::info(kLog, "certificate issued",
            {log::bare("peer", peer), log::str("identity", issued->identity.uri())});
  return grpc::Status::OK;
}

}  // namespace culvert::authority
