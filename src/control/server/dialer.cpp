#include "control/server/dialer.hpp"

#include "control/server/header.hpp"
#include "control/server/trust.hpp"
#include "culvert/base/log.hpp"
#include "culvert/tls/other_contexts.hpp"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <functional>
#include <mutex>

namespace culvert::control {
namespace {

namespace grpc_tls = grpc::experimental;

log::Target target("grpc");

// What gRPC has to say goes where everything else goes. Its errors are details of failures that
// the callers report themselves, so they are no errors here.
void write_grpc_line(gpr_log_func_args* args) { log::debug(target, args->message); }

// It also stays for as long as the process: with the last channel it would end its threads and wait
// for each, up to ten seconds for one that polls a socket, on the control thread.
void adopt_grpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(write_grpc_line);
    grpc_init();
  });
}

// gRPC takes what OpenSSL gives to new contexts.
Result<void> limit_tls(bool tls12) {
  static const Result<void> done = tls::restrict_other_contexts(tls12);
  return done;
}

// Accepts a chain-verified certificate that carries the dialled host or the alternative name. (An
// own verifier, because gRPC's can only replace the name, not add one.)
class NameVerifier : public grpc_tls::ExternalCertificateVerifier {
 public:
  explicit NameVerifier(std::vector<std::string> hosts) : hosts_(std::move(hosts)) {}

  bool Verify(grpc_tls::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* result) override {
    const auto dns = copies(request->dns_names());
    const auto ip = copies(request->ip_names());
    const bool covered = std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& host) {
      return certificate_covers({dns, ip}, host);
    });
    *result = covered ? grpc::Status::OK
                      : grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                                     "the server's certificate is not for " + hosts_.front());
    return true;  // decided at once
  }
  void Cancel(grpc_tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  static std::vector<std::string> copies(const std::vector<grpc::string_ref>& names) {
    std::vector<std::string> out;
    out.reserve(names.size());
    for (const auto& name : names) out.emplace_back(name.data(), name.size());
    return out;
  }
  const std::vector<std::string> hosts_;
};

std::shared_ptr<grpc::ChannelCredentials> credentials(const std::string& roots,
                                                      std::vector<std::string> hosts) {
  grpc_tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<grpc_tls::StaticDataCertificateProvider>(roots));
  options.watch_root_certs();
  options.set_certificate_verifier(
      grpc_tls::ExternalCertificateVerifier::Create<NameVerifier>(std::move(hosts)));
  options.set_check_call_host(false);  // done above, with both names
  return grpc_tls::TlsCredentials(options);
}

grpc::ChannelArguments arguments() {
  grpc::ChannelArguments args;
  // A full mesh comes as one message of hundreds of megabytes.
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC derives the limit of a connect attempt from its smallest pause.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1'000);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 15'000);
  args.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  // Without this, a new channel would get the old one's connection.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  return args;
}

}  // namespace

Result<Dialer> Dialer::make(ServerOptions options) {
  adopt_grpc();
  if (auto limited = limit_tls(options.tls12); !limited) return limited.error();
  auto endpoint = Endpoint::parse(options.address);
  if (!endpoint) return endpoint.error();
  for (auto& [name, value] : options.headers) {
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (!header_name_ok(name)) return fail(Errc::invalid, "\"" + name + "\" is no header name");
    if (!header_value_ok(value))
      return fail(Errc::invalid, "the value of header " + name + " is not printable ASCII");
  }
  if (!header_value_ok(options.cluster_id))
    return fail(Errc::invalid, "the cluster id is not printable ASCII");
  return Dialer(std::move(*endpoint), std::move(options));
}

Result<std::string> Dialer::roots() const {
  if (!endpoint_.tls) return std::string();
  return read_roots(options_.root);
}

std::shared_ptr<grpc::Channel> Dialer::dial(const std::string& roots) const {
  if (!endpoint_.tls)
    return grpc::CreateCustomChannel(endpoint_.target(), grpc::InsecureChannelCredentials(),
                                     arguments());
  std::vector<std::string> hosts{endpoint_.host};
  if (!options_.alt_hostname.empty()) hosts.push_back(options_.alt_hostname);
  return grpc::CreateCustomChannel(endpoint_.target(), credentials(roots, std::move(hosts)),
                                   arguments());
}

Result<void> Dialer::authorize(grpc::ClientContext& context) const {
  auto token = options_.token.read();
  if (!token) return token.error();
  if (!token->empty()) context.AddMetadata("authorization", "Bearer " + *token);
  if (!options_.cluster_id.empty()) context.AddMetadata("clusterid", options_.cluster_id);
  for (const auto& [name, value] : options_.headers) context.AddMetadata(name, value);
  return {};
}

}  // namespace culvert::control
