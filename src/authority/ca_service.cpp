#include "authority/ca_service.hpp"

#include "authority/rpc.hpp"
#include "culvert/base/log.hpp"

#include "proto/ca.grpc.pb.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace culvert::authority {
namespace {

using Request = istio::v1::auth::IstioCertificateRequest;
using Response = istio::v1::auth::IstioCertificateResponse;

const log::Target kLog("authority::ca");
constexpr const char* kMethod = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

CertificateOrder read_order(const Request& request) {
  CertificateOrder order{
      .csr = request.csr(), .impersonated = {}, .validity_seconds = request.validity_duration()};
  const auto& fields = request.metadata().fields();
  if (const auto found = fields.find("ImpersonatedIdentity"); found != fields.end())
    order.impersonated = found->second.string_value();
  return order;
}

// One call: who is it, then what does he want, then the answer. Owns itself: dies after OnDone.
// gRPC calls the On... functions on its threads; each only posts to the loop, where all else runs.
class CaCall final : public grpc::ServerBidiReactor<Request, Response> {
 public:
  CaCall(boost::asio::io_context& loop, Realm& realm, grpc::CallbackServerContext& context)
      : loop_(loop), realm_(realm), context_(context), keep_loop_(loop.get_executor()) {
    boost::asio::post(loop_, [this] { open(); });
  }

  void OnReadDone(bool ok) override {
    boost::asio::post(loop_, [this, ok] { read(ok); });
  }
  void OnDone() override {
    boost::asio::post(loop_, [this] { delete this; });
  }

 private:
  void open() {
    const auto caller = realm_.authenticate(authorization_of(context_));
    if (!caller) return refuse(caller.error());
    caller_ = *caller;
    StartRead(&request_);
  }

  void read(bool ok) {
    if (!ok)
      return Finish({grpc::StatusCode::INVALID_ARGUMENT, "the call ended without a request"});
    const auto issued = realm_.issue(caller_, read_order(request_), WallClock::now());
    if (!issued) return refuse(issued.error());
    for (const auto& element : issued->chain) response_.add_cert_chain(element);
    log::info(kLog, "certificate issued",
              {log::bare("peer", context_.peer()), log::str("identity", issued->identity.uri())});
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }

  void refuse(const Error& why) {
    log::warn(kLog, "certificate refused",
              {log::bare("peer", context_.peer()), log::str("reason", why.detail)});
    Finish(to_status(why));
  }

  // Constant after construction.
  boost::asio::io_context& loop_;
  Realm& realm_;
  grpc::CallbackServerContext& context_;  // lives until OnDone
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_loop_;
  // Loop thread only; gRPC fills request_ and reads response_ while a transfer is under way.
  Caller caller_;
  Request request_;
  Response response_;
};

}  // namespace

CaService::CaService(boost::asio::io_context& loop, Realm& realm) {
  // What the generated code does for a method that is declared as a stream.
  AddMethod(new grpc::internal::RpcServiceMethod(kMethod, grpc::internal::RpcMethod::BIDI_STREAMING,
                                                 nullptr));
  MarkMethodCallback(0, new grpc::internal::CallbackBidiHandler<Request, Response>(
                            [&loop, &realm](grpc::CallbackServerContext* context) {
                              return new CaCall(loop, realm, *context);
                            }));
}

}  // namespace culvert::authority
