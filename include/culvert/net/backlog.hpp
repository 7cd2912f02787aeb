// Bytes that connections keep because applications do not take them, and the budget of a worker for
// all of them together. Why one place: a pod whose application stops reading, or a peer that pours
// into it, must not cost the connections of other pods.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "culvert/base/bytes.hpp"
#include "culvert/base/result.hpp"

namespace culvert::net {

class Backlog;

// What the backlogs of one worker may hold. When it is full, the largest backlog of the pod that
// holds most goes, and its connection with it: whoever fills the budget pays. One thread; outlives
// the backlogs.
class BacklogBudget {
 public:
  // Fifty streams that are stalled for good, each with its whole window of 4 MiB.
  static constexpr std::size_t kDefault = 256U << 20;

  // `limit` in bytes.
  explicit BacklogBudget(std::size_t limit = kDefault) : limit_(limit) {}
  BacklogBudget(const BacklogBudget&) = delete;
  BacklogBudget& operator=(const BacklogBudget&) = delete;

  // Memory held now, bytes: what is allocated, not only what waits in it.
  std::size_t held() const { return held_; }

 private:
  friend class Backlog;
  struct Account {
    std::size_t held = 0;
    std::unordered_set<Backlog*> backlogs;  // walked only when the budget is full
  };

  // False when `asker` is the one that has to go.
  bool make_room(const Backlog& asker, std::size_t more);
  Backlog* largest();

  const std::size_t limit_;
  std::size_t held_ = 0;
  std::unordered_map<const void*, Account> pods_;
};

// What one connection keeps for one application, first in, first out. One thread.
class Backlog {
 public:
  // The connection.
  class Holder {
   public:
    // Whose it is: the same for all connections of a pod and for no others. Only compared.
    virtual const void* pod() const = 0;
    // The budget is full, and this connection's backlog is what has to go: ends the connection with
    // `reason`, which is fit for the access log. Its bytes are gone already. Called from inside
    // another connection's append(); may destroy the backlog and the connection.
    virtual void on_evicted(const Error& reason) = 0;

   protected:
    ~Holder() = default;
  };

  // Both outlive the backlog. Holds nothing yet.
  Backlog(BacklogBudget& budget, Holder& holder);
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // Keeps a copy of `more` behind what is there. Makes room at the cost of others where they hold
  // more. Errc::limit: this connection is the one that has to go; nothing was kept.
  [[nodiscard]] Result<void> append(Bytes more);
  // All that is kept, oldest first; valid until the next call that is not const.
  Bytes bytes() const { return Bytes(bytes_).subspan(from_); }
  // Forgets the first `n` bytes, at most what there is. Memory follows what is left.
  void drop_front(std::size_t n);

 private:
  friend class BacklogBudget;
  void account();
  void clear();

  BacklogBudget& budget_;
  Holder& holder_;
  const void* const pod_;
  BacklogBudget::Account& account_;  // the pod's; there as long as one of its backlogs is
  std::vector<std::uint8_t> bytes_;
  std::size_t from_ = 0;     // bytes in front that are delivered
  std::size_t counted_ = 0;  // what the budget knows of: the vector's capacity
};

}  // namespace culvert::net
