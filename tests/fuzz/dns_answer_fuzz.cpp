// What comes on the sockets of an exchange. Input: steps of one byte what, two bytes length, and so
// many bytes of a message, of which the first two are replaced by the right id where the step says
// so. Whatever comes, the exchange ends, and what the pod gets is the message but for the id.
#include "culvert/dns/exchange.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace culvert;

// www.example.com A, with an OPT record of 4096 bytes.
const dns::Message kQuery = {
    0x12, 0x34, 1, 0,   0,   1,   0, 0, 0, 0, 0, 1, 3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p',
    'l',  'e',  3, 'c', 'o', 'm', 0, 0, 1, 0, 1, 0, 0, 41,  16,  0,   0, 0,   0,   0,   0,   0};

dns::Exchange make_exchange() {
  dns::Resolvers resolvers;
  resolvers.servers = {{IpAddress::v4(198, 18, 0, 1), 53}, {IpAddress::v4(198, 18, 0, 2), 53}};
  auto read = dns::read_query(kQuery);
  return dns::Exchange(kQuery, std::move(std::get<dns::Query>(read)), dns::Transport::udp,
                       std::make_shared<const dns::Resolvers>(std::move(resolvers)), TimePoint{},
                       42);
}

// What is for the pod carries the pod's id and asks the pod's question, if any.
void check(const dns::Message& message) {
  if (message.size() < 12 || message[0] != 0x12 || message[1] != 0x34) std::abort();
  if ((message[2] & 0x80) == 0) std::abort();
}

struct Run {
  dns::Exchange exchange = make_exchange();
  TimePoint now{};
  std::vector<dns::Exchange::Ask> asks;

  void collect() {
    while (auto ask = exchange.next(now)) asks.push_back(std::move(*ask));
    if (asks.size() > dns::Exchange::kMaxAttempts) std::abort();
  }

  // True when the exchange is over.
  bool step(std::uint8_t what, dns::Message message) {
    collect();
    const std::size_t attempt = what >> 4;
    std::optional<dns::Message> got;
    if ((what & 3) == 0) {
      now = exchange.deadline();
    } else if ((what & 3) == 1) {
      got = exchange.on_failure(attempt, now);
    } else {
      const bool right_id = (what & 4) != 0 && message.size() > 1 && attempt < asks.size();
      if (right_id) std::copy_n(asks[attempt].message.begin(), 2, message.begin());
      got = exchange.on_answer(attempt, message, now);
    }
    if (got) check(*got);
    return got.has_value();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes in(data, size);
  Run run;
  while (in.size() >= 3) {
    const std::size_t length = std::min<std::size_t>(in[1] * 256U + in[2], in.size() - 3);
    const Bytes message = in.subspan(3, length);
    if (run.step(in[0], dns::Message(message.begin(), message.end()))) return 0;
    in = in.subspan(3 + length);
  }
  for (int i = 0; !run.exchange.given_up(run.now); ++i) {
    if (i > 100) std::abort();
    run.collect();
    run.now = run.exchange.deadline();
  }
  check(run.exchange.failure());
  return 0;
}
