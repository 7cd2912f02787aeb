// How to reach a control-plane server: shared by the xDS and the CA client.
#pragma once

#include "culvert/base/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace culvert::control {

// Where the bearer token of control-plane calls comes from (setting AUTH_TOKEN). A value; holds at
// most a path or the literal token. Never log what read() gives.
class TokenSource {
 public:
  // Where the token is mounted in Kubernetes, relative to the working directory.
  static constexpr std::string_view kDefaultPath = "./var/run/secrets/tokens/istio-token";

  // No token: calls carry no authorization.
  TokenSource() = default;
  // Reads the file anew at every use, so that rotation needs no restart.
  static TokenSource file(std::string path);
  // The same token for ever.
  static TokenSource literal(std::string token);
  // The meaning of the setting: null = not set: the default path if it exists now, else none;
  // an existing path = that file; anything else = the token itself. Touches the file system.
  static TokenSource from_setting(const std::string* value);

  // The token without trailing white space; empty for "no token". An unreadable or empty file is
  // Errc::io or Errc::invalid, as is a token that could not be an HTTP header value. Any thread.
  Result<std::string> read() const;

 private:
  enum class Kind : unsigned char { none, file, literal };
  Kind kind_ = Kind::none;
  std::string text_;
};

// One server and how to authenticate to and against it. A value.
struct ServerOptions {
  // "https://host:port", "http://host:port" (plaintext: tests, trusted hosts) or "host:port"
  // (TLS). The port may be omitted: 443 or 80.
  std::string address;
  // What must have signed the server's certificate: an existing file (read again at every
  // attempt), the word SYSTEM (the machine's trust store), or PEM text. Unused with http://.
  std::string root;
  // A second host name that the certificate may carry instead of the address's; empty = none.
  std::string alt_hostname;
  // Also TLS 1.2. The first client of the process decides for all (tls/other_contexts.hpp).
  bool tls12 = false;
  TokenSource token;
  // Value of the `clusterid` header.
  std::string cluster_id;
  // Further headers (XDS_HEADER_*, CA_HEADER_*), names in any case.
  std::vector<std::pair<std::string, std::string>> headers;
};

// Whether the root of a server can be read now, for a start that ends with a sentence instead of
// waiting for what a wrong setting will never bring. Errors as of a connection attempt: Errc::io,
// not_found or invalid, with the root's name. Reads a file; any thread.
Result<void> check_root(const ServerOptions& server);

}  // namespace culvert::control
