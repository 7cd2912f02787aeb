#include "control/server/dialer.hpp"
#include "control/server/gate.hpp"
#include "control/server/status.hpp"
#include "culvert/base/log.hpp"
#include "culvert/control/ca.hpp"

#include "proto/ca.grpc.pb.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <list>
#include <optional>
#include <utility>

namespace culvert::control {
namespace {

namespace auth = istio::v1::auth;

log::Target target("control::ca");

// One call under way. Owned by gRPC's callback and, to be cancelled, by the client.
struct Call {
  grpc::ClientContext context;
  auth::IstioCertificateRequest request;
  auth::IstioCertificateResponse response;
  std::shared_ptr<auth::IstioCertificateService::Stub> stub;
};

}  // namespace

class CaClient::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, Dialer dialer, CaOptions options)
      : dialer_(std::move(dialer)),
        options_(std::move(options)),
        gate_(std::make_shared<Gate>(io)) {}

  void sign(const Identity& identity, std::string csr_pem, Done done) {
    auto call = std::make_shared<Call>();
    if (auto ready = prepare(*call, identity, std::move(csr_pem)); !ready) {
      gate_->post([self = weak_from_this(), done = std::move(done), error = ready.error()] {
        if (!self.expired()) done(error);
      });
      return;
    }
    calls_.push_back(call);
    gate_->begin();
    call->stub->async()->CreateCertificate(
        &call->context, &call->request, &call->response,
        [self = weak_from_this(), gate = gate_, call,
         done = std::move(done)](const grpc::Status& status) mutable noexcept {
          gate->post([self, call = std::move(call), done = std::move(done), status] {
            if (const auto impl = self.lock()) impl->finished(call, status, done);
          });
          gate->end();
        });
  }

  void close() {
    for (const auto& call : calls_) call->context.TryCancel();
    gate_->close();
  }

 private:
  Result<void> prepare(Call& call, const Identity& identity, std::string csr_pem) {
    auto stub = connect();
    if (!stub) return stub.error();
    call.stub = std::move(*stub);
    if (auto authorized = dialer_.authorize(call.context); !authorized) return authorized;
    call.context.set_deadline(std::chrono::system_clock::now() + options_.deadline);
    call.request.set_csr(std::move(csr_pem));
    call.request.set_validity_duration(options_.ttl.count());
    if (options_.impersonate)
      (*call.request.mutable_metadata()->mutable_fields())["ImpersonatedIdentity"].set_string_value(
          identity.uri());
    return {};
  }

  // The channel in use, or a new one when there is none or what it must trust has changed.
  Result<std::shared_ptr<auth::IstioCertificateService::Stub>> connect() {
    auto roots = dialer_.roots();
    if (!roots && !stub_) return roots.error();
    if (!roots) {
      log::warn(target, "the trust root cannot be read, using the last one",
                {log::str("error", roots.error().detail)});
    } else if (!stub_ || *roots != roots_) {
      if (stub_) log::info(target, "the trust root has changed");
      roots_ = std::move(*roots);
      stub_ = auth::IstioCertificateService::NewStub(dialer_.dial(roots_));
    }
    return stub_;
  }

  void finished(const std::shared_ptr<Call>& call, const grpc::Status& status, const Done& done) {
    calls_.remove(call);
    // A connection that gave no answer may lead to a replica that hangs: the next one may not.
    const bool unanswered = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                            status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
    if (unanswered && stub_ == call->stub) stub_.reset();
    if (!status.ok()) return done(to_error(status, "CA " + dialer_.name()));
    const auto& chain = call->response.cert_chain();
    if (chain.size() < 2)
      return done(fail(Errc::protocol,
                       "CA " + dialer_.name() +
                           (chain.empty() ? ": empty answer" : ": answer without trust root")));
    done(std::vector<std::string>(chain.begin(), chain.end()));
  }

  // constant after construction
  const Dialer dialer_;
  const CaOptions options_;
  const std::shared_ptr<Gate> gate_;

  // control thread only
  std::shared_ptr<auth::IstioCertificateService::Stub> stub_;
  std::string roots_;
  std::list<std::shared_ptr<Call>> calls_;
};

Result<std::unique_ptr<CaClient>> CaClient::make(boost::asio::io_context& io, CaOptions options) {
  auto dialer = Dialer::make(options.server);
  if (!dialer) return dialer.error().with("CA");
  return std::unique_ptr<CaClient>(
      new CaClient(std::make_shared<Impl>(io, std::move(*dialer), std::move(options))));
}
CaClient::CaClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
CaClient::~CaClient() { impl_->close(); }
void CaClient::sign(const Identity& identity, std::string csr_pem, Done done) {
  impl_->sign(identity, std::move(csr_pem), std::move(done));
}

}  // namespace culvert::control
