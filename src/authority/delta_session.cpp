#include "authority/delta_session.hpp"

#include <algorithm>

namespace culvert::authority {
namespace {

constexpr std::string_view kEverything = "*";

}  // namespace

DeltaSession::Answer DeltaSession::on_request(const DeltaRequest& request) {
  if (names_.size() + request.subscribe.size() + request.initial_versions.size() > kMaxNames)
    return Answer::excessive;
  const auto answer = book_answer(request);
  const bool first = !started_;
  if (first) book_first(request);
  for (const auto& name : request.subscribe) {
    if (name == kEverything) {
      answer_due_ = answer_due_ || !wildcard_;
      wildcard_ = true;
      continue;
    }
    names_.insert(name);
    // Asking again means "send it again", except on reconnect, where the version decides.
    if (!first || !known_.contains(name)) owed_.insert(name);
  }
  for (const auto& name : request.unsubscribe) unsubscribe(name);
  if (!request.unsubscribe.empty()) forget_unwanted();
  return answer;
}

DeltaSession::Answer DeltaSession::book_answer(const DeltaRequest& request) {
  if (request.nonce.empty()) return Answer::none;
  const auto found = std::find(unanswered_.begin(), unanswered_.end(), request.nonce);
  if (found == unanswered_.end()) return Answer::stale;
  // Responses are read in order, so older ones are settled as well.
  unanswered_.erase(unanswered_.begin(), found + 1);
  return request.rejection ? Answer::rejected : Answer::accepted;
}

void DeltaSession::book_first(const DeltaRequest& request) {
  started_ = true;
  wildcard_ = answer_due_ = request.subscribe.empty();
  for (const auto& [name, version] : request.initial_versions) {
    names_.insert(name);  // a client that asks by name says here what it had asked for
    if (version.empty())
      owed_.insert(name);  // asked for on an earlier stream, never received
    else
      known_.emplace(name, version);
  }
}

void DeltaSession::unsubscribe(const std::string& name) {
  if (name == kEverything) {
    wildcard_ = answer_due_ = false;
    return;
  }
  names_.erase(name);
  owed_.erase(name);
}

// What the client unsubscribed from it has dropped itself; a removal later would be noise.
void DeltaSession::forget_unwanted() {
  if (wildcard_) return;
  last_.reset();  // what it dropped may be wanted under another name
  std::erase_if(known_, [&](const auto& entry) { return !names_.contains(entry.first); });
}

std::optional<DeltaResponse> DeltaSession::next(const std::shared_ptr<const ResourceSet>& set) {
  if (!started_ || unanswered_.size() >= kMaxUnanswered) return std::nullopt;
  if (set == last_ && owed_.empty() && !answer_due_) return std::nullopt;
  DeltaResponse response;
  offered_.clear();
  if (wildcard_) collect_all(*set, response);
  collect_named(*set, set == last_, response);
  owed_.clear();
  offered_.clear();
  last_ = set;
  const bool due = std::exchange(answer_due_, false);
  if (response.resources.empty() && response.removed.empty() && !due) return std::nullopt;
  std::sort(response.resources.begin(), response.resources.end(),
            [](const auto& a, const auto& b) { return a->name < b->name; });
  std::sort(response.removed.begin(), response.removed.end());
  // With a wildcard, what is gone may have been asked for by name as well.
  const auto twice = std::unique(response.removed.begin(), response.removed.end());
  response.removed.erase(twice, response.removed.end());
  response.nonce = std::to_string(++nonces_);
  unanswered_.push_back(response.nonce);
  return response;
}

void DeltaSession::collect_all(const ResourceSet& set, DeltaResponse& response) {
  for (const auto& [name, resource] : set) offer(resource, false, response);
  std::erase_if(known_, [&](const auto& entry) {
    if (set.find(entry.first)) return false;
    response.removed.push_back(entry.first);
    return true;
  });
}

// `same`: the client has been told all about this set, but for what it is owed.
void DeltaSession::collect_named(const ResourceSet& set, bool same, DeltaResponse& response) {
  std::vector<std::string> primary;
  // With a wildcard, collect_all() has seen to everything that was not asked for by name.
  for (const auto& key : wildcard_ || same ? owed_ : names_) {
    const bool requested = owed_.contains(key);
    const auto matches = set.resolve(key);
    for (const auto& match : matches) {
      offer(match, requested, response);
      primary.push_back(match->name);
    }
    // Gone: the client holds a resource of that name. Absent: it asked for what is not there.
    const bool gone = !set.find(key) && known_.erase(key) > 0;
    const bool absent = requested && matches.empty();
    if (gone || absent) response.removed.push_back(key);
  }
  // From here on the client holds these: later changes concern it whatever it called them.
  names_.insert(primary.begin(), primary.end());
}

void DeltaSession::offer(const ResourcePtr& resource, bool requested, DeltaResponse& response) {
  auto& known = known_[resource->name];
  if (known == resource->version && !requested) return;
  known = resource->version;
  if (offered_.insert(resource->name).second) response.resources.push_back(resource);
}

}  // namespace culvert::authority
