#include "proxy/dns/hostnames.hpp"

#include <algorithm>
#include <utility>

namespace culvert::proxy {

class Hostnames::Waiter {
 public:
  Waiter(Hostnames& all, PodProxy& pod, const Name& hostname, Answer& answer)
      : all_(all), hostname_(hostname), answer_(answer) {
    auto& running = all.running_[hostname];
    running.waiting.push_back(&answer);
    if (running.search) return;
    running.search = std::make_shared<HostnameSearch>(
        pod, hostname.view(), all.ipv6_, all.resolvers_.get(),
        [&all, hostname](Resolved what) { all.on_done(hostname, std::move(what)); });
    running.search->start();
  }
  ~Waiter() {
    const auto found = all_.running_.find(hostname_);
    if (found == all_.running_.end()) return;
    if (std::erase(found->second.waiting, &answer_) != 0 && found->second.waiting.empty())
      all_.running_.erase(found);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 private:
  Hostnames& all_;
  const Name hostname_;
  Answer& answer_;
};

net::Async<Result<IpAddress>> Hostnames::resolve(PodProxy& pod, Name hostname, IpAddress wanted,
                                                 net::Cancellation& cancellation) {
  if (const auto* what = known(hostname)) co_return choose(hostname, *what, wanted);
  Answer answer(worker_);
  const Waiter waiter(*this, pod, hostname, answer);
  const net::Cancellation::Scope scope(&cancellation,
                                       [&answer](const Error& reason) { answer.set(reason); });
  const auto done = co_await answer.wait();
  if (!done) co_return done.error();
  const auto* what = known(hostname);
  if (what == nullptr)
    co_return fail(Errc::unavailable, "no ip addresses were resolved for " + hostname.str());
  co_return choose(hostname, *what, wanted);
}

const Resolved* Hostnames::known(const Name& hostname) {
  const auto found = known_.find(hostname);
  if (found == known_.end()) return nullptr;
  if (found->second.until >= worker_.now()) return &found->second.what;
  known_.erase(found);
  return nullptr;
}

void Hostnames::on_done(const Name& hostname, Resolved what) {
  make_room();
  const TimePoint until = worker_.now() + std::max<Duration>(what.good_for, kAtLeast);
  known_.insert_or_assign(hostname, Known{std::move(what), until});
  const auto found = running_.find(hostname);
  if (found == running_.end()) return;
  const Running running = std::move(found->second);
  running_.erase(found);
  for (auto* answer : running.waiting) answer->set(Result<void>());
}

void Hostnames::make_room() {
  if (known_.size() < kMost) return;
  std::erase_if(known_, [now = worker_.now()](const auto& one) { return one.second.until < now; });
  if (known_.size() >= kMost) known_.erase(known_.begin());
}

Result<IpAddress> Hostnames::choose(const Name& hostname, const Resolved& from,
                                    const IpAddress& wanted) {
  if (from.addresses.empty()) {
    return fail(Errc::unavailable,
                "no ip addresses were resolved for " + hostname.str() + ": " + from.trouble);
  }
  std::vector<IpAddress> alike;
  for (const auto& ip : from.addresses)
    if (ip.is_v4() == wanted.is_v4()) alike.push_back(ip);
  const auto& among = alike.empty() ? from.addresses : alike;
  return among[worker_.random().below(among.size())];
}

}  // namespace culvert::proxy
