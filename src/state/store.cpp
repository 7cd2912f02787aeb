#include "culvert/state/store.hpp"

#include "state/indexes.hpp"
#include "state/local_identities.hpp"

#include <mutex>
#include <unordered_set>
#include <utility>

namespace culvert::state {

namespace {

// Index entries touched before readers are let in: a few hundred nanoseconds each, so that a new
// connection waits well below a millisecond.
constexpr std::uint64_t kSlice = 512;

// Fills in the subject names that are SPIFFE IDs. The rest is returned: no mesh peer can prove it.
std::vector<std::string> set_accepted(Service& service) {
  service.accepted.clear();
  std::vector<std::string> unusable;
  for (const std::string& name : service.subject_alt_names) {
    if (auto identity = Identity::parse(name))
      service.accepted.push_back(*std::move(identity));
    else
      unusable.push_back(name);
  }
  return unusable;
}

}  // namespace

// The one writer. It reads the indexes without the lock: nobody else changes them.
class Store::Writer {
 public:
  Writer(Indexes& indexes, std::shared_mutex& mutex, std::atomic<std::uint64_t>& generation,
         LocalIdentities& identities, std::uint64_t& operations)
      : indexes_(indexes),
        mutex_(mutex),
        generation_(generation),
        identities_(identities),
        operations_(operations) {}

  Changes apply(Update& update) {
    for (Policy& policy : update.policies) put(std::move(policy));
    for (Workload& workload : update.workloads) put(std::move(workload));
    for (Service& service : update.services) put(std::move(service));
    for (const std::string& key : update.removed_addresses) remove_service(key);
    for (const std::string& key : update.removed_addresses) remove_workload(key);
    for (const std::string& key : update.removed_policies) remove_policy(key);
    end_slice();
    auto delta = identities_.take_delta();
    changes_.identities_added = std::move(delta.added);
    changes_.identities_removed = std::move(delta.removed);
    return std::move(changes_);
  }

 private:
  void put(Policy policy) {
    inserted_policies_.insert(policy.resource_name);
    const PolicyPtr old = indexes_.policies.find(policy.resource_name);
    if (old != nullptr && *old == policy) return;
    const auto now = std::make_shared<const Policy>(std::move(policy));
    changes_.policies = true;
    retire(old);
    begin_slice();
    indexes_.policies.put(now);
    spend(1);
  }

  void put(Service service) {
    inserted_services_.insert(service.key());
    auto unusable = set_accepted(service);
    const ServiceEntry* entry = indexes_.services.find(service.key());
    if (entry != nullptr && entry->service != nullptr && *entry->service == service) return;
    if (!unusable.empty()) changes_.unusable_names.push_back({service.key(), std::move(unusable)});
    if (entry != nullptr) retire(entry->service);
    const auto now = std::make_shared<const Service>(std::move(service));
    changes_.services = true;
    begin_slice();
    spend(indexes_.services.put(now));
  }

  void put(Workload workload) {
    inserted_workloads_.insert(workload.uid);
    const WorkloadPtr old = indexes_.workloads.find(workload.uid);
    if (old != nullptr && *old == workload) return;
    const auto now = std::make_shared<const Workload>(std::move(workload));
    note(*now);
    if (old != nullptr) note(*old);
    if (is_local(*now)) identities_.add(now->identity(), wants_certificate(*now));
    if (old != nullptr && is_local(*old))
      identities_.remove(old->identity(), wants_certificate(*old));
    retire(old);
    begin_slice();
    std::size_t touched = 0;
    if (old != nullptr) {
      touched += indexes_.workloads.erase(old);
      touched += indexes_.services.remove_endpoints(*old, now.get());
    }
    touched += indexes_.workloads.insert(now);
    touched += indexes_.services.add_endpoints(now);
    spend(touched);
  }

  void remove_service(const std::string& key) {
    const auto name = NamespacedHostname::parse(key);
    if (!name || inserted_services_.contains(*name)) return;
    const ServiceEntry* entry = indexes_.services.find(*name);
    if (entry == nullptr || entry->service == nullptr) return;
    changes_.services = true;
    retire(entry->service);
    begin_slice();
    spend(indexes_.services.erase(*name));
  }

  void remove_workload(const std::string& key) {
    const Name uid(key);
    if (inserted_workloads_.contains(uid)) return;
    const WorkloadPtr old = indexes_.workloads.find(uid);
    if (old == nullptr) return;
    note(*old);
    if (is_local(*old)) identities_.remove(old->identity(), wants_certificate(*old));
    retire(old);
    begin_slice();
    spend(indexes_.workloads.erase(old) + indexes_.services.remove_endpoints(*old, nullptr));
  }

  void remove_policy(const std::string& key) {
    const Name name(key);
    if (inserted_policies_.contains(name)) return;
    const PolicyPtr old = indexes_.policies.find(name);
    if (old == nullptr) return;
    changes_.policies = true;
    retire(old);
    begin_slice();
    indexes_.policies.erase(name);
    spend(1);
  }

  void note(const Workload& workload) {
    changes_.workloads = true;
    if (is_local(workload)) changes_.local_workloads = true;
  }

  bool is_local(const Workload& workload) const { return indexes_.workloads.is_local(workload); }

  // Ahead of use: whoever serves a whole mesh, or does not speak HBONE, may never need one.
  bool wants_certificate(const Workload& workload) const {
    const bool here = !indexes_.local.node.empty() && workload.node == indexes_.local.node;
    return here && (workload.native_tunnel || workload.protocol == Protocol::hbone);
  }

  void begin_slice() {
    if (!lock_.owns_lock()) lock_ = std::unique_lock(mutex_);
  }

  void spend(std::uint64_t touched) {
    operations_ += touched;
    spent_ += touched;
    if (spent_ >= kSlice) end_slice();
  }

  void end_slice() {
    if (!lock_.owns_lock()) return;
    generation_.fetch_add(1, std::memory_order_acq_rel);
    lock_.unlock();
    spent_ = 0;
    retired_.clear();
  }

  // Keeps what is replaced until the lock is free: destroying a record costs more than replacing
  // it.
  void retire(std::shared_ptr<const void> old) {
    if (old != nullptr) retired_.push_back(std::move(old));
  }

  Indexes& indexes_;
  std::shared_mutex& mutex_;
  std::atomic<std::uint64_t>& generation_;
  LocalIdentities& identities_;
  std::uint64_t& operations_;
  std::unique_lock<std::shared_mutex> lock_;
  std::uint64_t spent_ = 0;
  Changes changes_;
  std::vector<std::shared_ptr<const void>> retired_;
  std::unordered_set<Name> inserted_workloads_;
  std::unordered_set<NamespacedHostname> inserted_services_;
  std::unordered_set<Name> inserted_policies_;
};

Store::Store(LocalNode local)
    : indexes_(std::make_unique<Indexes>(std::move(local))),
      identities_(std::make_unique<LocalIdentities>()) {}

Store::~Store() = default;

void Store::apply(Update update) {
  const Changes changes =
      Writer(*indexes_, mutex_, generation_, *identities_, operations_).apply(update);
  if (!changes.any()) return;
  for (const auto& listener : listeners_) listener(changes);
}

void Store::add_listener(std::function<void(const Changes&)> listener) {
  listeners_.push_back(std::move(listener));
}

View Store::view() const { return View(*indexes_, mutex_); }

const LocalNode& Store::local() const { return indexes_->local; }

std::vector<Identity> Store::local_identities() const { return identities_->wanted_ahead(); }

}  // namespace culvert::state
