// One CONNECT stream joined to one application socket: the byte loop. The application's bytes are
// read straight into the HTTP/2 frame, and only when the tunnel can take them; the peer's bytes are
// written straight from the opened record, and only what a short write leaves over is kept, bounded
// by the stream's window.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "culvert/h2/events.hpp"
#include "culvert/hbone/tunnel.hpp"
#include "culvert/net/backlog.hpp"
#include "culvert/net/one_shot.hpp"
#include "culvert/net/readiness.hpp"

namespace culvert::hbone {

// The answer to a CONNECT request.
struct Response {
  int status = 0;
  std::string baggage;  // the baggage headers joined by ',', when status is 200
};

// Worker thread only. Lives from before the stream is attached until on_relay_end(), and is
// destroyed by its owner there, or before if it was never attached.
class Relay final : public h2::Stream, public net::Watch {
 public:
  class Owner {
   public:
    // Bytes have moved: from the application to the peer, and to the application. For live
    // counters; nothing may be ended inside.
    virtual void on_bytes(std::uint64_t to_tunnel, std::uint64_t to_app) = 0;
    // Whose connection it is: as net::Backlog::Holder::pod().
    virtual const void* pod() const = 0;
    // Server: the stream has ended before start(): nobody waits for what is being opened. Nothing
    // may be ended inside; refuse() returns false from here on.
    virtual void on_stream_gone() {}
    // The stream and the socket are gone. `error` is null when both sides ended in order or one of
    // them simply went away (reset, closed); resets are normal traffic. Called once for every relay
    // that was attached, never from inside attach or start. The owner may destroy the relay inside.
    virtual void on_relay_end(const Error* error) = 0;

   protected:
    ~Owner() = default;
  };

  Relay(net::Worker& worker, Owner& owner) : worker_(worker), owner_(owner) {}
  ~Relay() override;

  // Client: sends the CONNECT on `tunnel`. Attached on success. Once, and again after refused().
  Result<void> request(Tunnel& tunnel, std::string_view authority,
                       std::span<const h2::Header> headers);
  // Client: the answer; Errc::timed_out at `deadline`, or why the stream ended first. Await it
  // right behind request(), without suspending in between; the relay outlives the wait.
  net::Async<Result<Response>> response(TimePoint deadline);

  // Client: response() failed because the peer took no notice of the request (REFUSED_STREAM, or a
  // GOAWAY that left it out): request() may be repeated, on any tunnel (RFC 9113 section 8.7).
  bool refused() const { return refused_; }

  // Server: the stream of a request on `tunnel` is being attached (return this from on_request).
  void attach(Tunnel& tunnel) { tunnel_ = &tunnel; }
  // Server: refuses with `status`. True: on_relay_end follows. False: the stream has ended already
  // and the relay may be destroyed.
  bool refuse(int status);
  // Client: gives up before start(). Returns as refuse() does.
  bool abandon();
  // Server: answers 200 with `headers`. Call start() right behind it.
  void accept(std::span<const h2::Header> headers);

  // Joins the application's socket: bytes flow from here on.
  void start(UniqueFd app);

  // Cuts both sides now: RST_STREAM(INTERNAL_ERROR) to the peer, whose application hears RST as
  // well, and RST to the application. on_relay_end follows with `reason`.
  void cut(Error reason);

  // True once the stream has ended; before start() that means: give up.
  bool stream_closed() const { return stream_closed_; }
  // Why it ends, where that is an error; null otherwise, and before.
  const Error* failure() const { return error_.get(); }
  // Totals of this connection.
  std::uint64_t bytes_to_tunnel() const { return to_tunnel_; }
  std::uint64_t bytes_to_app() const { return to_app_; }

  // h2::Stream
  h2::Produced produce(MutableBytes into) override;
  void on_headers(int status, std::span<const h2::Header> headers) override;
  void on_data(Bytes bytes) override;
  void on_end() override;
  // RFC 9113 section 8.5: CONNECT_ERROR is the other application's RST and becomes one here.
  // CANCEL and NO_ERROR are how other implementations say "done": FIN. Everything else, and the
  // loss of the tunnel, is an error, and RST.
  void on_close(h2::ErrorCode code) override;
  // net::Watch
  void on_ready(std::uint32_t events) override;

 private:
  // What the application has not taken yet. Apart, because most connections never have any.
  struct Kept final : net::Backlog::Holder, net::TurnEnd {
    explicit Kept(Relay& r) : relay(r), backlog(r.worker_.backlogs(), *this) {}
    const void* pod() const override { return relay.owner_.pod(); }
    void on_evicted(const Error& reason) override { relay.cut(reason); }
    void on_turn_end() override { relay.ignore_on(); }

    Relay& relay;
    net::Backlog backlog;
    std::size_t ignored = 0;  // what the application said since it last took something
  };

  std::size_t deliver(Bytes bytes);
  void drain_kept();
  void keep(Bytes bytes);
  void delivered(std::size_t n);
  void credit(std::size_t n);
  void end_app_writing();
  void note_end(h2::ErrorCode code, const Error* lost);
  void give_up();
  void app_failed();
  void leave(bool in_order);
  void ignore_app();
  void ignore_on();
  void maybe_finish();
  void finish();

  net::Worker& worker_;
  Owner& owner_;
  Tunnel* tunnel_ = nullptr;  // null once the stream has closed; the tunnel outlives its streams
  net::OneShot<Result<Response>>* answer_ = nullptr;  // lives in the frame of response()
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Error> error_;
  std::uint64_t to_tunnel_ = 0;
  std::uint64_t to_app_ = 0;
  UniqueFd app_;
  bool app_readable_ = false;
  bool app_hung_up_ = false;  // FIN, an error or urgent data: a short read was not the last one
  bool app_writable_ = true;
  bool app_broken_ = false;  // reading failed, too: the socket is of no more use
  bool app_deaf_ = false;    // writing failed; what was said before is still read
  bool app_reset_ = false;   // it did not end what it said in order
  bool app_ended_ = false;   // FIN was read: END_STREAM is out or on its way
  bool started_ = false;
  bool waiting_ = false;     // produce() said blocked: resume when there is something
  bool peer_ended_ = false;  // END_STREAM, or a reset that counts as one
  bool peer_reset_ = false;  // by a RST of the other application
  bool stream_closed_ = false;
  bool refused_ = false;
  bool ended_ = false;
  bool end_queued_ = false;  // maybe_finish() waits in the worker's queue
};

}  // namespace culvert::hbone
