// One query that is passed on: the tries at resolvers, each on a socket of its own inside the pod's
// namespace, or the node's for what the daemon itself looks up.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "culvert/dns/exchange.hpp"
#include "culvert/net/netns.hpp"
#include "culvert/net/timer.hpp"
#include "proxy/dns/question.hpp"

namespace culvert::proxy {

class Flight;
class TcpTry;

// Whose flights they are: told when one has landed, which destroys it.
class FlightOwner {
 public:
  // The flight has its answer; `failed`: nobody gave one, so that it is one of ours.
  virtual void on_landed(Flight& flight, dns::Message answer, bool failed) = 0;

 protected:
  ~FlightOwner() = default;
};

// From where it is asked, and how. What it refers to outlives the flight.
struct Departure {
  const net::Netns& netns;
  const net::SocketOptions& socket;
  dns::Transport transport = dns::Transport::udp;
};

// Worker thread only. Destroyed at any time: what is in progress ends unheard.
class Flight final : public boost::intrusive::list_base_hook<> {
 public:
  // `entropy`: for the ids of its tries.
  Flight(FlightOwner& owner, PodProxy& pod, Question question, const Departure& from,
         dns::ResolversPtr resolvers, std::uint64_t entropy);
  ~Flight();
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  const Question& question() const { return question_; }
  // The pod asks the same once more: one answer will do for all.
  void join(Question question) { others_.push_back(std::move(question)); }
  const std::vector<Question>& others() const { return others_; }

  // The first tries. `inside`: this thread is in the pod's namespace, or why it is not. Follow it
  // by settle(), outside.
  void take_off(const Result<net::NetnsGuard>& inside);
  // Begins what take_off() could not, and waits, or ends it all when nobody is left to ask. May
  // destroy this.
  void settle();

  // For the tries. May destroy this and the try.
  void on_answer(std::size_t attempt, Bytes message);
  void on_failure(std::size_t attempt);

 private:
  // A try over UDP. Its socket is connected: nobody but the server can answer it.
  class UdpTry final : public net::Watch {
   public:
    UdpTry(Flight& flight, std::size_t attempt, UniqueFd fd);
    ~UdpTry();
    Result<void> ask(Bytes query);
    void on_ready(std::uint32_t events) override;

   private:
    friend class Flight;
    // What comes to a try beside its answer is a guess of somebody who claims to be the server:
    // after so many the socket is given up, with its port and its id.
    static constexpr int kMostGuesses = 16;

    Flight& flight_;
    const std::size_t attempt_;
    UniqueFd fd_;
    int guesses_ = 0;
  };

  void start(const Result<net::NetnsGuard>& inside, dns::Exchange::Ask ask);
  Result<void> start_udp(const Result<net::NetnsGuard>& inside, const dns::Exchange::Ask& ask);
  void connect();
  void go_on();
  void heard(std::optional<dns::Message> answer);

  // Sockets of tries that may still be answered: a late answer is as good as one in time, but each
  // holds a descriptor.
  static constexpr std::size_t kMostOpen = 2;

  FlightOwner& owner_;
  PodProxy& pod_;  // stays as long as the question does
  const Departure from_;
  const Question question_;
  std::vector<Question> others_;  // the same but for their ids
  dns::Exchange exchange_;
  std::optional<dns::Message> truncated_;  // all that could be had
  net::Timer timer_;
  std::vector<std::unique_ptr<UdpTry>> udp_;  // the oldest first
  std::vector<dns::Exchange::Ask> tcp_due_;
  std::vector<std::shared_ptr<TcpTry>> tcp_;
};

}  // namespace culvert::proxy
