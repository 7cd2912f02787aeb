#include "authority/xds_stream.hpp"

#include "authority/rpc.hpp"
#include "culvert/base/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace culvert::authority {
namespace {

const log::Target kLog("authority::xds");

Error too_many_names() {
  return fail(Errc::limit, "more than " + std::to_string(DeltaSession::kMaxNames) +
                               " names of one type on one stream");
}

DeltaRequest read_request(const XdsService::Request& from) {
  DeltaRequest to;
  to.subscribe.assign(from.resource_names_subscribe().begin(),
                      from.resource_names_subscribe().end());
  to.unsubscribe.assign(from.resource_names_unsubscribe().begin(),
                        from.resource_names_unsubscribe().end());
  to.initial_versions.insert(from.initial_resource_versions().begin(),
                             from.initial_resource_versions().end());
  to.nonce = from.response_nonce();
  if (from.has_error_detail()) to.rejection = from.error_detail().message();
  return to;
}

void write_response(const DeltaResponse& from, std::string_view type_url,
                    XdsService::Response& to) {
  to.Clear();
  to.set_type_url(std::string(type_url));
  to.set_nonce(from.nonce);
  for (const auto& resource : from.resources) {
    auto& one = *to.add_resources();
    one.set_name(resource->name);
    one.set_version(resource->version);
    for (const auto& alias : resource->aliases) one.add_aliases(alias);
    one.mutable_resource()->set_type_url(std::string(type_url));
    one.mutable_resource()->set_value(resource->body);
  }
  for (const auto& name : from.removed) to.add_removed_resources(name);
}

}  // namespace

XdsStream::XdsStream(XdsService& service, grpc::CallbackServerContext& context)
    : service_(service),
      context_(context),
      keep_loop_(service.loop_.get_executor()),
      peer_(context.peer()) {
  boost::asio::post(service_.loop_, [this] { open(); });
}

void XdsStream::OnReadDone(bool ok) {
  boost::asio::post(service_.loop_, [this, ok] { read(ok); });
}

void XdsStream::OnWriteDone(bool ok) {
  boost::asio::post(service_.loop_, [this, ok] { written(ok); });
}

void XdsStream::OnDone() {
  boost::asio::post(service_.loop_, [this] {
    service_.streams_.erase(this);
    delete this;
  });
}

void XdsStream::open() {
  service_.streams_.insert(this);
  if (service_.closed_)
    return end({grpc::StatusCode::UNAVAILABLE, "the control plane is stopping"});
  if (authenticate()) StartRead(&in_);
}

bool XdsStream::authenticate() {
  if (ending_) return false;  // gRPC may have taken the context away
  const auto caller = service_.realm_.authenticate(authorization_of(context_));
  if (caller) return true;
  log::warn(kLog, "stream refused",
            {log::bare("peer", peer_), log::str("reason", caller.error().detail)});
  const bool stuck = writing_;
  end(to_status(caller.error()));
  if (stuck)
    context_.TryCancel();  // else a client that does not read stays for as long as it likes
  return false;
}

void XdsStream::read(bool ok) {
  if (finished_) return;
  if (!ok) return end(grpc::Status::OK);  // the client is done, or gone
  if (ending_) return;
  if (!introduced()) return;
  const auto type = std::find_if(types_.begin(), types_.end(),
                                 [&](const Type& t) { return t.url == in_.type_url(); });
  if (type == types_.end()) {
    log::warn(kLog, "unknown resource type",
              {log::str("node", node_), log::str("type", in_.type_url())});
  } else {
    const auto answer = type->session.on_request(read_request(in_));
    if (answer == DeltaSession::Answer::excessive) return end(to_status(too_many_names()));
    report(answer, *type);
    push();
  }
  StartRead(&in_);
}

// The first request must say who it is; later ones need not.
bool XdsStream::introduced() {
  if (!node_.empty()) return true;
  if (in_.node().id().empty()) {
    end({grpc::StatusCode::INVALID_ARGUMENT, "the first request must name its node"});
    return false;
  }
  node_ = in_.node().id();
  log::info(kLog, "stream opened", {log::bare("peer", peer_), log::str("node", node_)});
  return true;
}

void XdsStream::report(DeltaSession::Answer answer, const Type& type) {
  if (answer == DeltaSession::Answer::rejected)
    log::warn(kLog, "response rejected",
              {log::str("node", node_), log::str("type", type.url),
               log::str("nonce", in_.response_nonce()),
               log::str("reason", in_.error_detail().message())});
  if (answer == DeltaSession::Answer::stale)
    log::debug(kLog, "answer to nothing outstanding",
               {log::str("node", node_), log::str("nonce", in_.response_nonce())});
}

const std::shared_ptr<const ResourceSet>& XdsStream::resources(const Type& type) const {
  const auto& snapshot = *service_.realm_.snapshot();
  return type.url == kAddressType ? snapshot.addresses : snapshot.authorizations;
}

void XdsStream::push() {
  if (writing_ || ending_) return;
  for (auto& type : types_) {
    const auto response = type.session.next(resources(type));
    if (!response) continue;
    log::debug(kLog, "push",
               {log::str("node", node_), log::str("type", type.url),
                log::num("resources", static_cast<std::int64_t>(response->resources.size())),
                log::num("removed", static_cast<std::int64_t>(response->removed.size()))});
    write_response(*response, type.url, out_);
    writing_ = true;
    return StartWrite(&out_);
  }
}

void XdsStream::written(bool ok) {
  writing_ = false;
  XdsService::Response().Swap(&out_);  // the first response holds the whole mesh: give it back
  if (ending_) return finish_when_idle();
  if (!ok) return end(grpc::Status::OK);
  push();
}

void XdsStream::end(const grpc::Status& status) {
  if (ending_) return;
  ending_ = status;
  if (!node_.empty())
    log::info(kLog, "stream closed", {log::bare("peer", peer_), log::str("node", node_)});
  finish_when_idle();
}

void XdsStream::finish_when_idle() {
  if (writing_ || finished_) return;
  finished_ = true;
  Finish(*ending_);
}

}  // namespace culvert::authority
