// Two sessions and a wire between them, in memory; and hand-made frames for peers that misbehave.
#pragma once

#include "culvert/h2/session.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace culvert::h2::test {

// A stream that sends what it is given and remembers what it got.
struct Recorder final : Stream {
  std::string to_send;
  bool end = false;             // END_STREAM after to_send
  bool give_up = false;         // reset from inside produce()
  bool consume = true;          // credit what arrives, at once
  bool keep = true;             // remember the bytes, not only their number
  std::size_t step = SIZE_MAX;  // bytes that one produce() gives
  std::size_t largest_offer = 0;
  std::string received;
  std::size_t received_size = 0;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  int ends = 0;
  int closes = 0;
  ErrorCode code = ErrorCode::no_error;
  Session* session = nullptr;
  std::function<void(Recorder&)> when_data;
  std::function<void(Recorder&)> when_closed;

  Produced produce(MutableBytes into) override {
    largest_offer = std::max(largest_offer, into.size());
    if (give_up) {
      session->reset(id(), ErrorCode::connect_error);
      return {};
    }
    const auto n = std::min({into.size(), step, to_send.size()});
    std::memcpy(into.data(), to_send.data(), n);
    to_send.erase(0, n);
    if (!to_send.empty()) return {n, Produced::Then::more};
    return {n, end ? Produced::Then::end : Produced::Then::blocked};
  }
  void on_headers(int value, std::span<const Header> list) override {
    status = value;
    for (const auto& h : list) headers.emplace_back(h.name, h.value);
  }
  void on_data(Bytes bytes) override {
    received_size += bytes.size();
    if (keep) received.append(as_text(bytes));
    if (consume) session->consumed(id(), bytes.size());
    if (when_data) when_data(*this);
  }
  void on_end() override { ++ends; }
  void on_close(ErrorCode value) override {
    ++closes;
    code = value;
    if (when_closed) when_closed(*this);
  }
};

// One side: a session, its events, and bytes on their way out.
struct Peer final : SessionEvents {
  FrameBuffer& buffer;
  std::vector<std::unique_ptr<Recorder>> streams;  // outlive the session
  std::function<Stream*(Peer&, const Request&)> answer;
  std::vector<std::string> requests;  // "METHOD authority path"
  std::vector<std::pair<StreamId, ErrorCode>> goaways;
  std::string debug;  // of the last GOAWAY
  int ping_acks = 0;
  int settings = 0;
  bool failed = false;
  std::string error;
  std::string out;
  TimePoint now{};  // a clock that tests move
  Session session;

  Peer(Role role, FrameBuffer& frames, std::optional<Settings> with = {})
      : buffer(frames), session(role, with.value_or(Settings::defaults(role)), *this, frames) {}

  Recorder& stream() {
    streams.push_back(std::make_unique<Recorder>());
    streams.back()->session = &session;
    return *streams.back();
  }
  Recorder& connect(std::string send = {}, bool end = false) {
    auto& made = stream();
    made.to_send = std::move(send);
    made.end = end;
    (void)session.connect("198.18.0.1:80", {}, made).value();
    return made;
  }
  Stream* on_request(const Request& request) override {
    requests.push_back(std::string(request.method) + " " + std::string(request.authority) + " " +
                       std::string(request.path));
    if (answer) return answer(*this, request);
    session.respond(request.id, 200, {}, false);
    return &stream();
  }
  void on_goaway(StreamId last, ErrorCode code, std::string_view text) override {
    goaways.emplace_back(last, code);
    debug = text;
  }
  void on_ping_ack() override { ++ping_acks; }
  void on_settings() override { ++settings; }

  void take(Bytes bytes) {
    while (!bytes.empty()) {
      const auto rest = session.receive(bytes, now);
      if (!rest) {
        failed = true;
        error = rest.error().detail;
        return;
      }
      bytes = *rest;
    }
  }
  void forget_closed() {
    std::erase_if(streams, [](const auto& one) { return one->closes > 0; });
  }
  // All that the session wants to send now.
  std::string drain() {
    for (auto bytes = session.next(); !bytes.empty(); bytes = session.next())
      out.append(as_text(bytes));
    return std::exchange(out, {});
  }
};

// Moves bytes both ways, at most `capacity` a step, until neither side has any.
inline void pump(Peer& a, Peer& b, std::size_t capacity = 16384) {
  const auto move = [capacity](Peer& from, Peer& to) {
    std::size_t at = 0;
    auto bytes = from.session.next();
    if (bytes.empty()) return false;
    const std::string held(as_text(bytes));
    for (; at < held.size(); at += capacity)
      to.take(as_bytes(std::string_view(held).substr(at, capacity)));
    return true;
  };
  for (bool moved = true; moved;) {
    moved = move(a, b);
    moved = move(b, a) || moved;
  }
}

// A frame as it is on the wire (RFC 9113 section 4.1).
inline std::string frame(int type, int flags, std::uint32_t id, std::string_view payload) {
  std::string wire;
  for (const int shift : {16, 8, 0}) wire += static_cast<char>(payload.size() >> shift);
  wire += static_cast<char>(type);
  wire += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) wire += static_cast<char>(id >> shift);
  return wire.append(payload);
}
inline std::string number(std::uint32_t value) {
  std::string text;
  for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(value >> shift);
  return text;
}
enum : int {
  kData,
  kHeaders,
  kPriority,
  kRst,
  kSettings,
  kPush,
  kPing,
  kGoaway,
  kWindow,
  kContinuation
};
enum : int { kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };

inline const std::string kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// The least that a client says first.
inline std::string hello() { return kMagic + frame(kSettings, 0, 0, {}); }
// A line that uses no table; lengths below 127.
inline std::string literal(std::string_view name, std::string_view value) {
  std::string block(1, '\0');
  block += static_cast<char>(name.size());
  block.append(name);
  block += static_cast<char>(value.size());
  return block.append(value);
}
inline std::string connect_block() {
  return literal(":method", "CONNECT") + literal(":authority", "198.18.0.1:80");
}
inline std::string connect_frame(std::uint32_t id, int flags = kEndHeaders) {
  return frame(kHeaders, flags, id, connect_block());
}

struct Frame {
  int type;
  int flags;
  std::uint32_t id;
  std::string payload;
};
inline std::uint32_t number_at(std::string_view text, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | static_cast<std::uint8_t>(text[at + i]);
  return value;
}
// Takes a byte stream apart; skips a client's preface.
inline std::vector<Frame> frames(std::string_view wire) {
  std::vector<Frame> all;
  if (wire.starts_with(kMagic)) wire.remove_prefix(kMagic.size());
  while (wire.size() >= 9) {
    const auto size = number_at(wire, 0, 3);
    all.push_back({wire[3], wire[4], number_at(wire, 5, 4), std::string(wire.substr(9, size))});
    wire.remove_prefix(std::min<std::size_t>(wire.size(), 9 + size));
  }
  return all;
}
inline std::size_t count(const std::vector<Frame>& all, int type) {
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [type](const Frame& f) { return f.type == type; }));
}
// The error code of the last GOAWAY in `all`, or nothing.
inline std::optional<ErrorCode> goaway_code(const std::vector<Frame>& all) {
  std::optional<ErrorCode> code;
  for (const auto& f : all)
    if (f.type == kGoaway) code = static_cast<ErrorCode>(number_at(f.payload, 4, 4));
  return code;
}

// A server that has said and heard hello.
struct Server {
  FrameBuffer buffer;
  Peer peer{Role::server, buffer};
  Server() {
    peer.drain();
    peer.take(as_bytes(hello() + frame(kSettings, kAck, 0, {})));
    peer.drain();
  }
  std::vector<Frame> take(const std::string& wire) {
    peer.take(as_bytes(wire));
    return frames(peer.drain());
  }
};

inline std::string repeat(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace culvert::h2::test
