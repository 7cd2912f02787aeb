#include "authority/grpc_server.hpp"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

namespace culvert::authority {
namespace {

// A request names at most what a node holds: 100,000 names and versions are about 10 MiB.
constexpr int kMaxRequest = 32 << 20;
// Clients ping every 30 s while a stream is open; gRPC would end the connection for that.
constexpr int kMinPingIntervalMs = 5'000;
// Our own pings find nodes that vanished without a word.
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// A connection that asks for nothing makes room; a node's comes back when it needs a certificate.
constexpr int kMaxIdleMs = 300'000;
// gRPC gives a stranger two minutes to get through the TLS handshake.
constexpr int kHandshakeMs = 10'000;
// A node has one stream, and eight certificates under way.
constexpr int kMaxStreams = 100;
// Of one call that nobody reads. gRPC would let it grow with the speed of whoever sends.
constexpr int kStreamWindow = 64 << 10;
// What all connections together may hold of requests that are not complete yet. Beyond it gRPC ends
// streams and connections.
constexpr std::size_t kReceiveMemory = std::size_t{256} << 20;

void set_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxRequest);
  builder.SetMaxSendMessageSize(-1);  // the whole mesh is one response
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindow);
  builder.SetResourceQuota(grpc::ResourceQuota("control plane").Resize(kReceiveMemory));
  // Otherwise a second control plane on the same port would start, and take half of the nodes.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

Result<RunningServer> serve(const std::vector<SocketAddress>& listen, const KeyAndCert& certificate,
                            XdsService& xds, CaService& ca) {
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({certificate.key, certificate.cert});
  const auto credentials = grpc::SslServerCredentials(tls);
  grpc::ServerBuilder builder;
  set_limits(builder);
  std::vector<int> ports(listen.size(), 0);
  for (std::size_t i = 0; i < listen.size(); ++i)
    builder.AddListeningPort(listen[i].to_string(), credentials, &ports[i]);
  builder.RegisterService(&xds);
  builder.RegisterService(&ca);
  RunningServer running{builder.BuildAndStart(), listen};
  for (std::size_t i = 0; i < listen.size(); ++i) {
    if (ports[i] == 0)
      return fail(Errc::io, "cannot listen on " + listen[i].to_string() +
                                ": not an address of this host, in use, or not permitted");
    running.addresses[i].port = static_cast<std::uint16_t>(ports[i]);
  }
  if (!running.server) return fail(Errc::io, "cannot start the gRPC server");
  return running;
}

}  // namespace culvert::authority
