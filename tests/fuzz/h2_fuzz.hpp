// What the two HTTP/2 fuzz targets share: an owner that answers and checks the order of events.
#pragma once

#include "culvert/h2/frame_edge.hpp"
#include "culvert/h2/session.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace culvert::h2::fuzz {

inline void check(bool holds) {
  if (!holds) std::abort();
}

// Echoes what it gets, a little at a time; every event in a wrong order aborts.
class Echo final : public Stream {
 public:
  explicit Echo(Session& session) : session_(session) {}
  ~Echo() override { check(closed_ || !attached_); }
  void attach() { attached_ = true; }

  Produced produce(MutableBytes into) override {
    check(!closed_ && !into.empty() && !done_);
    const auto n = std::min(into.size(), owed_);
    std::memset(into.data(), 'e', n);
    owed_ -= n;
    if (owed_ > 0) return {n, Produced::Then::more};
    done_ = ended_;
    return {n, ended_ ? Produced::Then::end : Produced::Then::blocked};
  }
  void on_headers(int status, std::span<const Header>) override {
    check(!closed_ && status >= 200);
  }
  void on_data(Bytes bytes) override {
    check(!closed_ && !ended_ && !bytes.empty());
    owed_ += std::min<std::size_t>(bytes.size(), 1000);
    session_.consumed(id(), bytes.size());
    session_.resume(id());
  }
  void on_end() override {
    check(!closed_ && !ended_);
    ended_ = true;
    session_.resume(id());
  }
  void on_close(ErrorCode) override {
    check(!closed_);
    closed_ = true;
  }

 private:
  Session& session_;
  std::size_t owed_ = 0;
  bool attached_ = false;
  bool ended_ = false;
  bool closed_ = false;
  bool done_ = false;
};

class Owner final : public SessionEvents {
 public:
  explicit Owner(Role role)
      : role_(role), session_(role, Settings::defaults(role), *this, buffer()) {}

  Stream* on_request(const Request& request) override {
    check(request.id > 0);
    if (request.method != "CONNECT") {
      session_.respond(request.id, 400, {}, true);
      return nullptr;
    }
    const Header headers[] = {{"baggage", request.authority.substr(0, 0)}};
    session_.respond(request.id, 200, headers, false);
    return &make();
  }
  void on_goaway(StreamId, ErrorCode, std::string_view debug) override {
    check(debug.size() <= 128);
  }
  void on_ping_ack() override {}
  void on_settings() override {}

  void connect() {
    auto& stream = make();
    check(session_.connect("198.18.0.1:80", {}, stream).has_value());
  }

  // Feeds `input` in pieces whose sizes come from its first byte, and takes what comes out.
  void run(Bytes input) {
    if (input.empty()) return;
    const std::size_t step = input[0] == 0 ? input.size() : input[0];
    follow(input.subspan(1), step);
    for (std::size_t at = 1; at < input.size(); at += step) {
      auto result = session_.receive(input.subspan(at, std::min(step, input.size() - at)), {});
      while (result && !result->empty()) result = session_.receive(*result, {});
      for (std::size_t i = 0; i < 1000 && !session_.next().empty(); ++i) {
      }
      if (result.has_error() || session_.finished()) break;
    }
    session_.close(ErrorCode::cancel);
    check(session_.active_streams() == 0);
  }

 private:
  // How the bytes are cut must not matter to where the frames end.
  void follow(Bytes input, std::size_t step) const {
    FrameEdge whole(role_);
    FrameEdge pieces(role_);
    whole.feed(input);
    for (std::size_t at = 0; at < input.size(); at += step)
      pieces.feed(input.subspan(at, std::min(step, input.size() - at)));
    check(whole.inside() == pieces.inside());
  }

  Echo& make() {
    streams_.push_back(std::make_unique<Echo>(session_));
    streams_.back()->attach();
    return *streams_.back();
  }

  static FrameBuffer& buffer() {  // one for all runs: making it costs more than a run
    static FrameBuffer shared;
    return shared;
  }
  const Role role_;
  std::vector<std::unique_ptr<Echo>> streams_;
  Session session_;
};

}  // namespace culvert::h2::fuzz
