#include "app/local_file.hpp"

#include <set>

#include "culvert/base/file.hpp"
#include "culvert/base/log.hpp"
#include "culvert/control/local.hpp"

namespace culvert::app {

namespace {

const log::Target kLog("app::local");
constexpr auto kLookEvery = std::chrono::seconds(1);

std::set<std::string> address_names(const state::Update& update) {
  std::set<std::string> names;
  for (const auto& workload : update.workloads) names.insert(workload.uid.str());
  for (const auto& service : update.services) {
    names.insert(service.namespace_.str() + "/" + service.hostname.str());
  }
  return names;
}

std::set<std::string> policy_names(const state::Update& update) {
  std::set<std::string> names;
  for (const auto& policy : update.policies) {
    names.insert(policy.namespace_.str() + "/" + policy.name.str());
  }
  return names;
}

std::vector<std::string> missing(const std::set<std::string>& before,
                                 const std::set<std::string>& now) {
  std::vector<std::string> gone;
  for (const auto& name : before) {
    if (!now.contains(name)) gone.push_back(name);
  }
  return gone;
}

}  // namespace

LocalFile::LocalFile(boost::asio::io_context& io, state::Store& store, std::string path,
                     std::string text)
    : store_(store),
      path_(std::move(path)),
      text_(std::move(text)),
      current_(std::make_shared<const state::Update>()),
      timer_(io) {}

std::shared_ptr<const state::Update> LocalFile::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Result<std::string> LocalFile::read() const {
  if (path_.empty()) return text_;
  return read_file(path_);
}

Result<void> LocalFile::load() {
  auto text = read();
  if (!text) return text.error();
  auto done = apply(*text);
  text_ = std::move(*text);
  return done;
}

Result<void> LocalFile::apply(const std::string& text) {
  auto update = control::parse_local(text, path_.empty() ? "LOCAL_XDS" : path_);
  if (!update) return update.error();
  state::Update change = *update;
  const auto before = current();
  change.removed_addresses = missing(address_names(*before), address_names(*update));
  change.removed_policies = missing(policy_names(*before), policy_names(*update));
  {
    const std::lock_guard lock(mutex_);
    current_ = std::make_shared<const state::Update>(std::move(*update));
  }
  store_.apply(std::move(change));
  return {};
}

void LocalFile::watch() {
  if (path_.empty()) return;
  timer_.expires_after(kLookEvery);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // cancelled: shutting down
    look();
    watch();
  });
}

void LocalFile::look() {
  auto text = read();
  if (!text) return refuse(text.error());
  if (*text == text_) {
    unsettled_.reset();
    last_error_.clear();
    return;
  }
  if (unsettled_ != *text) {
    unsettled_ = std::move(*text);
    return;
  }
  unsettled_.reset();
  text_ = std::move(*text);
  if (const auto done = apply(text_); !done) return refuse(done.error());
  last_error_.clear();
  log::info(kLog, "the local file has changed and is in force", {log::str("file", path_)});
}

void LocalFile::refuse(const Error& error) {
  unsettled_.reset();
  if (error.detail == last_error_) return;
  last_error_ = error.detail;
  log::error(kLog, "the local file is wrong; what was in force stays",
             {log::str("error", error.detail)});
}

}  // namespace culvert::app
