#include "culvert/tls/handshake.hpp"

#include "tls/memory_bio.hpp"
#include "tls/openssl.hpp"
#include "tls/peer_check.hpp"
#include "tls/record_channel.hpp"
#include "tls/ssl_channel.hpp"
#include "tls/ssl_failure.hpp"
#include "tls/traffic_secrets.hpp"

#include <openssl/err.h>

#include <utility>

namespace culvert::tls {

struct Handshake::State {
  PeerCheck check;
  TrafficSecrets secrets;
  std::unique_ptr<BioBytes> bytes = std::make_unique<BioBytes>();  // outlives ssl
  SslPtr ssl;
  bool client = false;
  bool own_records = true;
  bool done = false;
  std::unique_ptr<Error> failure;  // set once step() has failed
  PeerInfo peer;
};

namespace {

// Joins an SSL object with the bytes, checks and secrets of its handshake.
template <class State>
bool connect_parts(State& state, SSL_CTX* context) {
  ERR_clear_error();
  state.ssl.reset(SSL_new(context));
  if (!state.ssl) return false;
  BIO* bio = make_memory_bio(*state.bytes);
  if (bio == nullptr) return false;
  SSL_set_bio(state.ssl.get(), bio, bio);
  if (state.client)
    SSL_set_connect_state(state.ssl.get());
  else
    SSL_set_accept_state(state.ssl.get());
  return attach_peer_check(state.ssl.get(), &state.check) &&
         attach_secrets(state.ssl.get(), state.own_records ? &state.secrets : nullptr);
}

PeerInfo describe_peer(SSL* ssl, PeerCheck& check) {
  PeerInfo peer;
  peer.identity = std::move(check.identity);
  peer.chain = std::move(check.chain);
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &length);
  peer.alpn_h2 = length == 2 && protocol[0] == 'h' && protocol[1] == '2';
  peer.version = SSL_get_version(ssl);
  peer.cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
  return peer;
}

}  // namespace

Handshake::Handshake(std::unique_ptr<State> state) : state_(std::move(state)) {}
Handshake::~Handshake() = default;

Result<std::unique_ptr<Handshake>> Handshake::server(const ServerContext& context) {
  auto state = std::make_unique<State>();
  state->own_records = !context.options().openssl_records;
  state->check.trust_domain = context.certificate().identity().trust_domain;
  if (!connect_parts(*state, context.native())) return crypto_error("starting a handshake");
  return std::unique_ptr<Handshake>(new Handshake(std::move(state)));
}

Result<std::unique_ptr<Handshake>> Handshake::client(const ClientContext& context,
                                                     std::vector<Identity> expected) {
  auto state = std::make_unique<State>();
  state->client = true;
  state->own_records = !context.options().openssl_records;
  state->check.expected = std::move(expected);
  if (!connect_parts(*state, context.native())) return crypto_error("starting a handshake");
  return std::unique_ptr<Handshake>(new Handshake(std::move(state)));
}

Result<Handshake::Status> Handshake::step(Bytes input, std::size_t& consumed,
                                          std::vector<std::uint8_t>& out) {
  consumed = 0;
  State& s = *state_;
  if (s.failure) return *s.failure;
  if (s.done || !s.ssl) return Status::done;
  s.bytes->input = input;
  s.bytes->out = &out;
  ERR_clear_error();
  const int result = SSL_do_handshake(s.ssl.get());
  consumed = input.size() - s.bytes->input.size();
  s.bytes->input = {};
  s.bytes->out = nullptr;
  if (result == 1) {
    s.done = true;
    s.peer = describe_peer(s.ssl.get(), s.check);
    return Status::done;
  }
  if (SSL_get_error(s.ssl.get(), result) == SSL_ERROR_WANT_READ) return Status::want_input;
  Error error = ssl_failure(s.ssl.get(), result);
  // The library only knows that verification failed; we know why.
  if (!s.check.failure.empty()) error.detail = s.check.failure;
  s.failure = std::make_unique<Error>(std::move(error));
  return *s.failure;
}

const PeerInfo& Handshake::peer() const { return state_->peer; }

Result<std::unique_ptr<Channel>> Handshake::finish() {
  State& s = *state_;
  if (!s.done || !s.ssl) return fail(Errc::tls, "the handshake is not finished");
  const SslPtr& ssl = s.ssl;
  if (!s.own_records || SSL_version(ssl.get()) != TLS1_3_VERSION) {
    attach_peer_check(ssl.get(), nullptr);
    attach_secrets(ssl.get(), nullptr);
    return std::unique_ptr<Channel>(
        std::make_unique<SslChannel>(std::move(s.ssl), std::move(s.bytes)));
  }
  const auto suite =
      static_cast<Suite>(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl.get())));
  const std::size_t size = hash_size(suite);
  if (s.secrets.client_size != size || s.secrets.server_size != size)
    return fail(Errc::tls, "traffic secrets are missing");
  auto channel = RecordChannel::create(RecordChannel::initial(
      suite, s.client, s.secrets.client.first(size), s.secrets.server.first(size)));
  s.secrets = {};
  s.ssl.reset();
  if (!channel) return channel.error();
  return std::unique_ptr<Channel>(*std::move(channel));
}

}  // namespace culvert::tls
