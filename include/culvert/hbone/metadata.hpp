// The headers that travel with a CONNECT request and its answer: who is calling, for whom, and the
// trace. Codecs without I/O. They never decide about access.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "culvert/base/address.hpp"
#include "culvert/base/random.hpp"
#include "culvert/h2/types.hpp"
#include "culvert/state/workload.hpp"

namespace culvert::hbone {

// What a workload says about itself in a `baggage` header (W3C Baggage syntax, Istio's keys). Empty
// means not said.
struct Baggage {
  std::string cluster;
  std::string namespace_;
  std::string workload_name;
  std::string service_name;
  std::string service_version;
  std::string region;
  std::string zone;

  bool empty() const;
};

// The header value for `workload`; parts that are empty are left out.
std::string baggage_of(const state::Workload& workload);
// Reads a value (several headers joined by ','). Unknown keys are ignored, the last of equal keys
// wins, and a value with anything but visible ASCII says nothing at all. Values over 256 bytes are
// dropped, so that a peer cannot make labels of arbitrary size.
Baggage parse_baggage(std::string_view value);

// `for="<source>"`, with `;host=<service>` when `service` is not empty (RFC 7239 section 4).
std::string forwarded_header(const SocketAddress& source, std::string_view service);
// The host parameter of a `forwarded` header; empty when there is none. A view into `value`.
std::string_view forwarded_host(std::string_view value);

// A new W3C trace context, not sampled: "00-<32 hex>-<16 hex>-00".
std::string make_traceparent(Random& random);
// Whether `value` has exactly that form.
bool is_traceparent(std::string_view value);

// The value of the first header named `name` (lower case), or empty.
std::string_view find_header(std::span<const h2::Header> headers, std::string_view name);
// All values of `name`, joined by ','.
std::string joined_header(std::span<const h2::Header> headers, std::string_view name);

}  // namespace culvert::hbone
