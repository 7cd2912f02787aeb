#include "control/zds/session.hpp"

#include "control/zds/packet.hpp"

#include <algorithm>
#include <utility>

namespace culvert::control {

using Actions = ZdsSession::Actions;

Actions ZdsSession::on_connected() {
  connected_ = true;
  snapshot_ = false;
  mentioned_.clear();
  owed_.reset();
  return {Send{encode_zds_hello()}};
}

void ZdsSession::on_disconnected() {
  connected_ = false;
  snapshot_ = false;
  owed_.reset();
}

Actions ZdsSession::on_packet(TimePoint now, Bytes packet, std::optional<ReceivedNetns> netns) {
  auto request = decode_zds_request(packet);
  if (!request) return on_bad_packet(request.error().detail);
  const bool is_add = std::holds_alternative<AddRequest>(*request);
  if (is_add != netns.has_value())
    return on_bad_packet(is_add ? "add without descriptor" : "descriptor on a request but add");
  if (auto* wanted = std::get_if<AddRequest>(&*request))
    return add(now, std::move(wanted->uid), std::move(wanted->info), std::move(*netns));
  if (auto* gone = std::get_if<DelRequest>(&*request)) return del(gone->uid);
  if (auto* kept = std::get_if<KeepRequest>(&*request)) return keep(kept->uid);
  return snapshot();
}

Actions ZdsSession::on_bad_packet(const std::string& why) {
  ++totals_.malformed;
  return protocol_error(why);
}

Actions ZdsSession::protocol_error(const std::string& why) {
  Actions out;
  nack(why, out);
  out.push_back(Disconnect{why});
  return out;
}

Actions ZdsSession::add(TimePoint now, PodUid uid, WorkloadInfo info, ReceivedNetns netns) {
  Actions out;
  if (!snapshot_) mentioned_.insert(uid);
  auto found = pods_.find(uid);
  // Another namespace or another workload: another pod.
  if (found != pods_.end() && found->second.state != State::failed &&
      (found->second.netns.id != netns.id || !found->second.info.same_workload(info))) {
    remove(found, out);
    found = pods_.end();
  }
  if (found != pods_.end() && found->second.state == State::up) {
    ack(out);
    return out;
  }
  const bool under_way = found != pods_.end() && found->second.state == State::starting;
  auto& pod = pods_[uid];
  owed_ = Owed{uid, now + kAckLimit};
  if (under_way) return out;  // answered together with the start that is running
  pod.info = std::move(info);
  pod.netns = std::move(netns);
  begin_start(uid, pod, out);
  return out;
}

Actions ZdsSession::del(const PodUid& uid) {
  Actions out;
  mentioned_.erase(uid);
  if (const auto found = pods_.find(uid); found != pods_.end()) remove(found, out);
  ack(out);
  return out;
}

Actions ZdsSession::keep(const PodUid& uid) {
  if (snapshot_) return protocol_error("keep after the snapshot");
  mentioned_.insert(uid);
  Actions out;
  ack(out);
  return out;
}

Actions ZdsSession::snapshot() {
  if (snapshot_) return protocol_error("second snapshot");
  Actions out;
  for (auto pod = pods_.begin(); pod != pods_.end();) {
    const auto next = std::next(pod);
    if (!mentioned_.contains(pod->first)) remove(pod, out);
    pod = next;
  }
  mentioned_.clear();
  snapshot_ = true;
  ack(out);
  return out;
}

void ZdsSession::begin_start(const PodUid& uid, Pod& pod, Actions& out) {
  pod.state = State::starting;
  pod.token = ++last_token_;
  out.push_back(Start{uid, pod.info, pod.netns.fd, pod.token});
}

void ZdsSession::remove(std::map<PodUid, Pod>::iterator pod, Actions& out) {
  if (pod->second.state != State::failed) out.push_back(Stop{pod->first});
  if (pod->second.state == State::up) ++totals_.stopped;
  pods_.erase(pod);
}

Actions ZdsSession::on_started(TimePoint now, std::uint64_t token, const Result<void>& outcome) {
  Actions out;
  const auto found = std::find_if(pods_.begin(), pods_.end(), [&](const auto& entry) {
    return entry.second.token == token && entry.second.state == State::starting;
  });
  if (found == pods_.end()) return out;
  auto& [uid, pod] = *found;
  pod.state = outcome ? State::up : State::failed;
  if (outcome)
    ++totals_.started;
  else
    pod.retry = now + kRetry;
  if (!owed_ || owed_->uid != uid) return out;
  owed_.reset();
  if (outcome)
    ack(out);
  else
    nack("failure to start proxy: " + outcome.error().detail, out);
  return out;
}

Actions ZdsSession::on_time(TimePoint now) {
  Actions out;
  if (owed_ && now >= owed_->limit) {
    owed_.reset();
    nack("failure to start proxy: still starting", out);
  }
  for (auto& [uid, pod] : pods_)
    if (pod.state == State::failed && now >= pod.retry) begin_start(uid, pod, out);
  return out;
}

std::optional<TimePoint> ZdsSession::deadline() const {
  std::optional<TimePoint> first;
  const auto consider = [&](TimePoint at) { first = first ? std::min(*first, at) : at; };
  if (owed_) consider(owed_->limit);
  for (const auto& [uid, pod] : pods_)
    if (pod.state == State::failed) consider(pod.retry);
  return first;
}

void ZdsSession::ack(Actions& out) { out.push_back(Send{encode_zds_ack({})}); }

void ZdsSession::nack(const std::string& why, Actions& out) {
  ++totals_.nacked;
  out.push_back(Send{encode_zds_ack(why.empty() ? "failed" : why)});
}

std::size_t ZdsSession::pending() const {
  return static_cast<std::size_t>(std::count_if(
      pods_.begin(), pods_.end(), [](const auto& e) { return e.second.state != State::up; }));
}

std::vector<PodStatus> ZdsSession::pods() const {
  std::vector<PodStatus> out;
  for (const auto& [uid, pod] : pods_)
    out.push_back(
        {uid, pod.info, pod.state == State::up ? PodStatus::State::up : PodStatus::State::pending});
  return out;
}

}  // namespace culvert::control
