// How an agent begins and ends.
#include "culvert/base/log.hpp"
#include "host/agent_impl.hpp"

namespace culvert::host {
namespace {

const log::Target kLog("agent");

// No namespace outlives the run of the kernel that it was made in.
bool is_of_another_boot(const Enrolment& enrolment, const std::string& boot) {
  return !enrolment.incarnation.empty() && !enrolment.incarnation.starts_with(boot + "/");
}

}  // namespace

Agent::Impl::Impl(AgentOptions options, AgentTable table)
    : options_(std::move(options)), table_(std::move(table)) {}

Agent::Impl::~Impl() {
  control_.reset();  // no operation is running any more when this returns
  {
    const std::lock_guard lock(wake_mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (surveyor_.joinable()) surveyor_.join();
}

Result<std::unique_ptr<Agent::Impl>> Agent::Impl::start(const AgentOptions& options) {
  if (auto possible = check_redirection(); !possible) return possible.error();
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
  const auto boot = boot_id();
  if (!boot) return boot.error();
  const std::lock_guard lock(mutex_);
  std::vector<RestoredPod> pods;
  for (auto& enrolment : saved) {
    if (is_of_another_boot(enrolment, *boot)) {
      log::warn(
          kLog, "enrolment of before the last boot dropped: enroll it again if it is back",
          {log::str("pod", enrolment.pod.uid), log::str("netns", enrolment.netns.describe())});
      continue;
    }
    if (enrolment.leaving && withdrawn_now(enrolment)) continue;
    auto pod = restore_one(std::move(enrolment));
    if (!pod) return pod.error();
    pods.push_back(std::move(*pod));
  }
  if (auto saved_again = save(); !saved_again) return saved_again.error();
  return pods;
}

Result<RestoredPod> Agent::Impl::restore_one(Enrolment enrolment) {
  Entry entry{std::move(enrolment), {}};
  auto found = find_again(entry.enrolment);
  if (!found) {
    auto pod = entry.enrolment.pod;
    log::warn(kLog, "namespace of an enrolment not found, looked for again and again",
              {log::str("pod", pod.uid), log::str("reason", found.error().detail)});
    entries_[pod.uid] = std::move(entry);
    return RestoredPod{std::move(pod), UniqueFd()};
  }
  auto incarnation = netns_incarnation(found->netns.fd());
  if (!incarnation) return incarnation.error().with(found->ref.describe());
  entry.enrolment.incarnation = std::move(*incarnation);
  take_up(entry, std::move(*found));
  auto copy = entry.netns.duplicate();
  if (!copy) return copy.error();
  auto pod = introduced(entry);
  entries_[pod.uid] = std::move(entry);
  return RestoredPod{std::move(pod), std::move(*copy)};
}

// One that is not stays enrolled for now: while its traffic is redirected, somebody has to serve
// it.
bool Agent::Impl::withdrawn_now(const Enrolment& enrolment) {
  const auto done = complete_withdrawal(enrolment);
  if (!done)
    log::error(kLog, "withdrawal cannot be completed, tried again and again",
               {log::str("pod", enrolment.pod.uid), log::str("error", done.error().detail)});
  return done.has_value();
}

void Agent::Impl::take_up(Entry& entry, FoundNetns found) {
  // A process id is worth nothing once its process has ended; a name is what a person knows it by.
  if (means_a_process(entry.enrolment.netns)) entry.enrolment.netns = std::move(found.ref);
  entry.netns = std::move(found.netns);
  if (entry.enrolment.leaving) return;
  // Without rules nothing reaches the daemon, but it still has to take what peers send.
  put_redirection(entry, entry.enrolment.redirect);
}

Result<void> Agent::Impl::open_sockets(std::vector<RestoredPod> pods) {
  auto options = options_.zds;
  options.on_change = [this] { on_daemons_changed(); };
  auto zds = ZdsServer::start(options, std::move(pods));
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

}  // namespace culvert::host
