// How an agent begins and ends, and what it looks after in between.
#include "culvert/base/log.hpp"
#include "host/agent_impl.hpp"

namespace culvert::host {
namespace {

const log::Target kLog("agent");

// A name or path stands for whatever is there now. A process id does not, however it is written:
// both it and the namespace's number may belong to somebody else by now.
bool means_a_process(const NetnsRef& ref) {
  return ref.kind == NetnsRef::Kind::pid ||
         (ref.kind == NetnsRef::Kind::path && ref.value.starts_with("/proc/"));
}

// Whether `netns` is the very one that was enrolled, and not one that got its number.
bool is_the_same(const Netns& netns, const Enrolment& enrolment) {
  if (netns.id() != enrolment.id) return false;
  if (enrolment.incarnation.empty()) return true;  // nothing better is known
  const auto now = netns_incarnation(netns.fd());
  return now && *now == enrolment.incarnation;
}

// Opens the namespace an enrolment was made for. A process may have ended while others in the same
// namespace go on: any of those will do. Errc::not_found when nobody is left.
Result<Netns> reopen(Enrolment& enrolment) {
  auto opened = Netns::open(enrolment.netns);
  if (!means_a_process(enrolment.netns)) return opened;
  if (opened && is_the_same(*opened, enrolment)) return opened;
  if (const auto other = find_process_in(enrolment.id)) {
    NetnsRef found{NetnsRef::Kind::pid, std::to_string(*other)};
    opened = Netns::open(found);
    if (opened && is_the_same(*opened, enrolment)) {
      enrolment.netns = std::move(found);
      return opened;
    }
  }
  return fail(Errc::not_found, enrolment.netns.describe() + ": no process is in it any more");
}

bool still_reachable(const Enrolment& enrolment) {
  const auto opened = Netns::open(enrolment.netns);
  if (opened && opened->id() == enrolment.id) return true;
  return find_process_in(enrolment.id).has_value();
}

}  // namespace

Agent::Impl::Impl(AgentOptions options, AgentTable table)
    : options_(std::move(options)), table_(std::move(table)) {}

Agent::Impl::~Impl() {
  control_.reset();  // no operation is running any more when this returns
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  if (surveyor_.joinable()) surveyor_.join();
}

Result<std::unique_ptr<Agent::Impl>> Agent::Impl::start(const AgentOptions& options) {
  auto table = AgentTable::open(options.state_dir);
  if (!table) return table.error();
  auto saved = table->load();
  if (!saved) return saved.error();
  auto impl = std::make_unique<Impl>(options, std::move(*table));
  auto pods = impl->restore(std::move(*saved));
  if (!pods) return pods.error();
  if (auto opened = impl->open_sockets(std::move(*pods)); !opened) return opened.error();
  return impl;
}

Result<std::vector<RestoredPod>> Agent::Impl::restore(std::vector<Enrolment> saved) {
  const std::lock_guard lock(mutex_);
  std::vector<RestoredPod> pods;
  for (auto& enrolment : saved) {
    const auto& uid = enrolment.pod.uid;
    auto netns = reopen(enrolment);
    if (!netns) {
      log::warn(kLog, "enrolment dropped",
                {log::str("pod", uid), log::str("reason", netns.error().detail)});
      continue;
    }
    enrolment.id = netns->id();
    auto incarnation = netns_incarnation(netns->fd());
    if (!incarnation) return incarnation.error().with(enrolment.netns.describe());
    enrolment.incarnation = std::move(*incarnation);
    auto installed = install_redirection(netns->fd(), enrolment.redirect);
    auto copy = netns->duplicate();
    if (!copy) return copy.error();
    // Without rules nothing reaches the daemon, but it still has to take what peers send.
    if (!installed)
      log::error(kLog, "redirection not installed",
                 {log::str("pod", uid), log::str("error", installed.error().detail)});
    pods.push_back({enrolment.pod, std::move(*copy)});
    entries_[uid] = Entry{enrolment, std::move(*netns)};
  }
  if (auto saved_again = save(); !saved_again) return saved_again.error();
  return pods;
}

Result<void> Agent::Impl::open_sockets(std::vector<RestoredPod> pods) {
  auto zds = ZdsServer::start(options_.zds, std::move(pods));
  if (!zds) return zds.error();
  zds_ = std::move(*zds);
  auto control = LineServer::start(options_.control_socket,
                                   [this](const std::string& line) { return answer(line); });
  if (!control) return control.error();
  control_ = std::move(*control);
  surveyor_ = std::thread([this] { survey(); });
  log::info(kLog, "agent ready",
            {log::str("daemons", options_.zds.path), log::str("control", options_.control_socket)});
  return {};
}

std::string Agent::Impl::answer(const std::string& line) {
  const auto request = decode_request(line);
  if (!request) return encode_outcome(request.error().with("request"));
  if (const auto* enrol = std::get_if<EnrolRequest>(&*request))
    return encode_outcome(enroll(*enrol));
  if (const auto* withdrawal = std::get_if<WithdrawRequest>(&*request))
    return encode_outcome(withdraw(*withdrawal));
  return encode_statuses(list());
}

void Agent::Impl::survey() {
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, options_.survey_interval, [this] { return stop_; }))
    survey_once();
}

void Agent::Impl::survey_once() {
  bool changed = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (still_reachable(it->second.enrolment)) {
      ++it;
      continue;
    }
    const auto told = zds_->del(it->first);
    log::info(kLog, "namespace is gone, enrolment dropped",
              {log::str("pod", it->first),
               log::str("daemon", told ? std::string("told") : told.error().detail)});
    it = entries_.erase(it);
    changed = true;
  }
  if (!changed) return;
  if (auto saved = save(); !saved)
    log::error(kLog, "table not saved", {log::str("error", saved.error().detail)});
}

}  // namespace culvert::host
