// Joins two plain sockets: traffic that the mesh does not tunnel. Bytes go through the worker's
// buffer; only what a short write leaves over is kept, and then that side is not read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"
#include "culvert/net/backlog.hpp"
#include "culvert/net/readiness.hpp"
#include "culvert/net/worker.hpp"

namespace culvert::proxy {

// Worker thread only.
class PlainRelay final : public net::TurnEnd, public net::Backlog::Holder {
 public:
  class Owner {
   public:
    // Both directions are done, or the relay was cut. Called once; the owner may destroy the relay
    // inside. `error` is null unless it was cut or could not start.
    virtual void on_relay_end(const Error* error) = 0;
    // Whose connection it is: as net::Backlog::Holder::pod().
    virtual const void* pod() const = 0;

   protected:
    ~Owner() = default;
  };
  // Live counters; outlive the relay.
  struct Counters {
    std::atomic<std::uint64_t>* received = nullptr;  // client to server
    std::atomic<std::uint64_t>* sent = nullptr;      // server to client
  };

  PlainRelay(net::Worker& worker, Owner& owner) : worker_(worker), owner_(owner) {}
  ~PlainRelay();

  // Bytes flow from here on.
  void start(UniqueFd client, UniqueFd server, const Counters& counters);
  // Resets both sides. on_relay_end follows from the worker's queue.
  void cut(Error reason);

  std::uint64_t received() const { return client_.total; }
  std::uint64_t sent() const { return server_.total; }

  void on_turn_end() override;
  // net::Backlog::Holder
  const void* pod() const override { return owner_.pod(); }
  void on_evicted(const Error& reason) override { cut(reason); }

 private:
  // One socket, and the direction that is read from it.
  struct Side final : net::Watch {
    void on_ready(std::uint32_t events) override;
    PlainRelay* relay = nullptr;
    Side* other = nullptr;
    UniqueFd fd;
    std::atomic<std::uint64_t>* counter = nullptr;
    std::uint64_t total = 0;                 // bytes that the other side has taken
    std::unique_ptr<net::Backlog> leftover;  // read here, not yet taken by the other side
    std::size_t discarded = 0;               // of what is said here, since it last took something
    bool readable = true;
    bool hung_up = false;  // a short read does not mean that there is no more
    bool writable = true;
    bool reset = false;    // it ended abruptly, which writing has found: its end is no FIN
    bool done = false;     // EOF or error here was passed on
    bool unheard = false;  // the other side takes nothing more; what is said here is thrown away
  };

  bool pump(Side& from);
  std::size_t deliver(Side& from, Bytes bytes);
  bool discard(Side& from);
  void keep(Side& from, Bytes bytes);
  bool write_leftover(Side& from);
  void end_direction(Side& from, bool broken);
  void finish();

  net::Worker& worker_;
  Owner& owner_;
  Side client_;
  Side server_;
  std::unique_ptr<Error> error_;
  bool broken_ = false;
};

}  // namespace culvert::proxy
