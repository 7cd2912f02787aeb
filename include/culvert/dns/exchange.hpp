// One query passed on to resolvers: whom to ask when, and which datagram is the answer. Sans-IO:
// time is an argument, and the caller owns the sockets. Used for pods' queries that the mesh does
// not answer, and for hostnames that the daemon itself looks up.
#pragma once

#include "culvert/base/time.hpp"
#include "culvert/dns/message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::dns {

// Who is asked what nobody here knows. Immutable, shared by all who ask.
struct Resolvers {
  std::vector<SocketAddress> servers;  // in order of preference, port 53 where none is named
  std::vector<std::string> search;     // for look-ups of the daemon's own; lower case, no final dot
  unsigned ndots = 1;                  // 0 to 15
  Duration try_again = std::chrono::seconds(1);  // silence of one before the next one is asked
  Duration give_up = std::chrono::milliseconds(4500);  // before libc's own five seconds

  // From the text of a resolv.conf(5): nameserver, search, domain, options ndots. Unknown words and
  // addresses that do not parse (those with a zone, too) are passed over, as libc does; more than
  // libc's three servers and six domains count, up to 16 each.
  static Resolvers parse(std::string_view resolv_conf);

  // Without the servers on loopback. Those of a pod's own namespace never see what the mesh
  // captures from the pod, but for the queries that they pass on themselves: asked again what they
  // ask, they would go on for ever.
  Resolvers beyond_loopback() const;
};
using ResolversPtr = std::shared_ptr<const Resolvers>;

// One query on its way. Each try has a socket of its own, connected to one server, with a source
// port of the kernel's choice, and an id of its own: an answer that does not fit its try is
// nobody's. A pod's query that came over TCP is asked over TCP.
//
// The caller: asks next() until it gives nothing and sends those; waits until deadline(); and after
// every call of on_answer(), on_failure() and every deadline looks at given_up() and next() again.
class Exchange {
 public:
  // What the caller does next.
  struct Ask {
    SocketAddress server;
    std::size_t attempt = 0;  // number of this try, from 0; for on_answer()
    Transport transport = Transport::udp;
    Message message;  // the pod's query as it came, with an id of this try's
  };

  // `query`: the bytes as the pod sent them, read by read_query() as `read`. `resolvers` is never
  // null. `entropy`: 64 bits that nobody can guess, from the kernel: ids of all tries are made of
  // it.
  Exchange(Bytes query, Query read, Transport transport, ResolversPtr resolvers, TimePoint now,
           std::uint64_t entropy);

  // The next try that is due at `now`, or nothing. Call until there is nothing. At most
  // kMaxAttempts in all.
  std::optional<Ask> next(TimePoint now);
  // When to call next() or given_up() again, if nothing happens before.
  TimePoint deadline() const;

  // What came on the socket of a try. The returned message is the one for the pod: with the pod's
  // id, otherwise byte for byte; the exchange is over then. Nothing while others may still answer.
  // What does not answer the question (another id or question, no response, too short) is passed
  // over: stay on the socket.
  std::optional<Message> on_answer(std::size_t attempt, Bytes message, TimePoint now);
  // A server that cannot be reached, or closed before it answered: the next one is asked at once.
  // The returned message is for the pod, as above: a truncated answer that TCP could not complete.
  std::optional<Message> on_failure(std::size_t attempt, TimePoint now);
  // True once nobody will answer any more: every server has failed, or the time is up.
  bool given_up(TimePoint now) const;
  // The answer then: the failure that a server reported last, else SERVFAIL.
  Message failure() const;

  static constexpr std::size_t kMaxAttempts = 24;

 private:
  struct Try {
    std::size_t server = 0;
    std::uint16_t id = 0;
    Transport transport = Transport::udp;
  };

  Ask ask(std::size_t server, Transport transport);
  // The next server in turn that has not failed, or nothing.
  std::optional<std::size_t> server_in_turn() const;
  bool answers(const Try& attempt, Bytes message) const;
  Message for_pod(Bytes message) const;
  void server_failed(std::size_t server, TimePoint now);

  Message query_;
  Query read_;
  Transport transport_;
  ResolversPtr resolvers_;
  TimePoint end_;
  std::uint64_t entropy_;
  TimePoint due_;  // when the next server is asked
  std::vector<Try> tries_;
  std::vector<bool> failed_;                 // by server
  std::optional<std::size_t> ask_over_tcp_;  // the server whose answer was truncated
  Message truncated_;                        // that answer, for the pod
  Message last_failure_;                     // likewise a server's own refusal
};

}  // namespace culvert::dns
