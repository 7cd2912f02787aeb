// One type of one delta xDS stream, server side, no I/O: what the client asked for, what it has,
// and hence what to send next. (xDS protocol, "Incremental xDS"; the reference ztunnel's client is
// the peer to please.)
// Pull model: requests only change the books; next() is called whenever the stream can take a
// response, so that changes which arrive in between melt into one.
// Invariant: known_ is what the client has once it has read everything that next() returned.
#pragma once

#include "authority/resource_set.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace culvert::authority {

// A DeltaDiscoveryRequest without its node and type.
struct DeltaRequest {
  std::vector<std::string> subscribe;
  std::vector<std::string> unsubscribe;
  // What the client kept from an earlier stream; read from the first request only.
  std::map<std::string, std::string> initial_versions;
  std::string nonce;                     // empty: not an answer to a response
  std::optional<std::string> rejection;  // error_detail: the response was refused, and why
};

// A DeltaDiscoveryResponse without its type.
struct DeltaResponse {
  std::string nonce;
  std::vector<ResourcePtr> resources;  // in order of name
  std::vector<std::string> removed;    // names, or requested keys that stand for nothing
};

class DeltaSession {
 public:
  // What a request was an answer to. `stale`: to nothing that is outstanding. `excessive`: nothing
  // of it was booked, because the stream would hold more than kMaxNames names.
  enum class Answer : std::uint8_t { none, accepted, rejected, stale, excessive };

  // Books a request. Unknown names are fine: they are answered by next().
  Answer on_request(const DeltaRequest& request);

  // The next response, given what there is now; none when the client has everything it asked for.
  // The first wildcard request is always answered, if need be with an empty response: clients wait
  // for it to become ready. None either while kMaxUnanswered responses are unanswered.
  std::optional<DeltaResponse> next(const std::shared_ptr<const ResourceSet>& set);

  // Responses that the client has neither accepted nor refused.
  std::size_t unanswered() const { return unanswered_.size(); }

  // A client that never answers is not sent more than this.
  static constexpr std::size_t kMaxUnanswered = 16;
  // What a stream may subscribe to by name: several times a mesh of 100,000 workloads, and below
  // 100 MiB of memory with names of a usual length.
  static constexpr std::size_t kMaxNames = 500'000;

 private:
  Answer book_answer(const DeltaRequest& request);
  void book_first(const DeltaRequest& request);
  void unsubscribe(const std::string& name);
  void forget_unwanted();
  void collect_all(const ResourceSet& set, DeltaResponse& response);
  void collect_named(const ResourceSet& set, bool same, DeltaResponse& response);
  void offer(const ResourcePtr& resource, bool requested, DeltaResponse& response);

  bool started_ = false;         // a request has been seen
  bool wildcard_ = false;        // subscribed to everything
  bool answer_due_ = false;      // answer even with nothing
  std::set<std::string> names_;  // subscribed by name or alias, and the names those stood for
  std::set<std::string> owed_;   // subscribed and not answered yet
  std::unordered_map<std::string, std::string> known_;  // name -> version that the client has
  std::unordered_set<std::string_view> offered_;        // within one next(); views into the set
  std::shared_ptr<const ResourceSet> last_;             // what next() compared with
  std::deque<std::string> unanswered_;                  // nonces, oldest first
  std::uint64_t nonces_ = 0;
};

}  // namespace culvert::authority
