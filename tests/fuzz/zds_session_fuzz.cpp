// A hostile node agent: a sequence of packets, with and without descriptors. One answer a request,
// none above the agent's buffer, and stops only for what was started.
#include "control/zds/packet.hpp"
#include "control/zds/session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>

namespace {

using namespace culvert;
using namespace culvert::control;

void require(bool condition) {
  if (!condition) std::abort();
}

// The outside of the session: starts succeed, fail or dangle, as the input says.
class World {
 public:
  void perform(const ZdsSession::Actions& actions, std::uint8_t choice) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<ZdsSession::Send>(&action))
        require(send->packet.size() <= kMaxAck);
      if (const auto* stop = std::get_if<ZdsSession::Stop>(&action))
        require(started_.erase(stop->uid) == 1);
      if (const auto* start = std::get_if<ZdsSession::Start>(&action)) {
        require(started_.insert(start->uid).second);
        report(*start, choice);
      }
      if (std::holds_alternative<ZdsSession::Disconnect>(action)) reconnect();
    }
  }
  void packet(Bytes bytes, std::uint8_t choice) {
    if (session_.owes_ack()) perform(session_.on_time(now_ += ZdsSession::kAckLimit), choice);
    std::optional<ReceivedNetns> netns;
    if (choice & 4) netns = ReceivedNetns{std::make_shared<UniqueFd>(), {1, choice / 64U}};
    perform(session_.on_packet(now_, bytes, std::move(netns)), choice);
    if (choice & 8) perform(session_.on_time(now_ += ZdsSession::kRetry), choice);
    require(session_.active() + session_.pending() == session_.pods().size());
  }
  void reconnect() {
    session_.on_disconnected();
    session_.on_connected();
  }

 private:
  void report(const ZdsSession::Start& start, std::uint8_t choice) {
    if ((choice & 3) == 0) return;  // never reported
    const bool up = (choice & 3) != 1;
    if (!up) started_.erase(start.uid);
    perform(session_.on_started(now_, start.token,
                                up ? Result<void>() : Result<void>(fail(Errc::io, "x"))),
            choice);
  }
  TimePoint now_{};
  ZdsSession session_;
  std::set<PodUid> started_;
};

}  // namespace

// Input: packets, each behind a byte of length and one of choices.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  world.reconnect();
  Bytes input(data, size);
  while (input.size() >= 2) {
    const auto length = std::min<std::size_t>(input[0], input.size() - 2);
    world.packet(input.subspan(2, length), input[1]);
    input = input.subspan(2 + length);
  }
  return 0;
}
