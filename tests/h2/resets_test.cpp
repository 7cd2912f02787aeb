// Streams that are reset by the peer, or because of it: what is honest and what is a flood.
#include "h2/limits.hpp"

#include "h2/peers.hpp"

#include <gtest/gtest.h>

namespace culvert::h2::test {
namespace {

// A peer that opens and resets streams, beside one that it uses.
struct Resetter : Server {
  static constexpr std::uint32_t kNeighbour = 1;
  std::uint32_t next = kNeighbour + 2;
  Recorder* neighbour = nullptr;

  Resetter() {
    take(connect_frame(kNeighbour));
    neighbour = peer.streams.at(0).get();
  }
  // One answered stream.
  void reset_later() {
    take(connect_frame(next));
    take(frame(kRst, 0, next, number(8)));
    done();
  }
  // One that had no time for an answer. `request` is its header block.
  void reset_at_once(const std::string& request = connect_block()) {
    take(frame(kHeaders, kEndHeaders, next, request) + frame(kRst, 0, next, number(8)));
    done();
  }
  bool alive() {
    const auto before = neighbour->received_size;
    take(frame(kData, 0, kNeighbour, "alive"));
    return !peer.failed && !peer.session.finished() && neighbour->received_size == before + 5;
  }

 private:
  void done() {
    next += 2;
    peer.forget_closed();
  }
};

std::string get_block() {
  return literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") +
         literal(":authority", "a");
}

TEST(Resets, RapidResetIsStopped) {
  Resetter flood;
  for (int i = 0; i < kResetBurst; ++i) flood.reset_at_once();
  EXPECT_TRUE(flood.alive());
  flood.reset_at_once();
  EXPECT_TRUE(flood.peer.failed);
  EXPECT_NE(flood.peer.error.find("too many requests reset at once"), std::string::npos);
}

TEST(Resets, ResetsOfAnsweredStreamsHaveNoLimit) {
  Resetter busy;
  for (int i = 0; i < 20000; ++i) busy.reset_later();  // all at the same instant
  EXPECT_TRUE(busy.alive()) << busy.peer.error;
}

// Answers that refuse are as cheap as none: they pay for nothing, and to reset them early is rapid
// reset as well.
TEST(Resets, RefusalsDoNotHideARapidReset) {
  Resetter flood;
  flood.peer.answer = [](Peer& self, const Request& request) -> Stream* {
    const bool tunnel = request.method == "CONNECT";
    self.session.respond(request.id, tunnel ? 200 : 400, {}, !tunnel);
    return tunnel ? &self.stream() : nullptr;
  };
  for (int i = 0; i < kResetBurst / 2 - 1; ++i) {
    flood.reset_at_once();
    flood.reset_at_once(get_block());
    flood.take(frame(kHeaders, kEndHeaders | kEndStream, flood.next, get_block()));
    flood.next += 2;
  }
  EXPECT_TRUE(flood.alive()) << flood.peer.error;
  for (int i = 0; i < 3; ++i) flood.reset_at_once();
  EXPECT_TRUE(flood.peer.failed);
}

TEST(Resets, AnAcceptedRequestMakesUpForAReset) {
  Resetter busy;
  for (int i = 0; i < 10 * kResetBurst; ++i) {
    busy.reset_at_once();
    busy.reset_later();
  }
  EXPECT_TRUE(busy.alive()) << busy.peer.error;
  for (int i = 0; i <= kResetBurst; ++i) busy.reset_at_once();
  EXPECT_TRUE(busy.peer.failed) << "what was accepted is not saved up";
}

// An application hangs, and its clients give up after a second, for hours.
TEST(Resets, ClientsThatGiveUpDoNotEndTheirNeighbours) {
  Resetter patient;
  patient.peer.answer = [](Peer& self, const Request&) { return &self.stream(); };  // never
  for (int second = 0; second < 1000; ++second) {
    const auto first = patient.next;
    for (int i = 0; i < 199; ++i, patient.next += 2) patient.take(connect_frame(patient.next));
    patient.peer.now += std::chrono::seconds(1);
    for (auto id = first; id < patient.next; id += 2) patient.take(frame(kRst, 0, id, number(8)));
    patient.peer.forget_closed();
  }
  EXPECT_TRUE(patient.alive()) << patient.peer.error;
}

// The peer breaks a rule on each stream so that the server does the resetting.
TEST(Resets, ProvokedResetsAreStopped) {
  Server server;
  std::size_t requests = 0;
  for (std::uint32_t id = 1; id < 20000 && !server.peer.session.finished(); id += 2) {
    server.take(connect_frame(id) + frame(kWindow, 0, id, number(0x7fffffff)));
    server.peer.forget_closed();
    ++requests;
  }
  EXPECT_TRUE(server.peer.failed || server.peer.session.finished());
  EXPECT_LE(requests, kMaxViolations + 10);
}

}  // namespace
}  // namespace culvert::h2::test
