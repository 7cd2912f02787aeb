// envoy.service.discovery.v3.AggregatedDiscoveryService, delta variant: streams around
// DeltaSession.
#pragma once

#include "authority/realm.hpp"

#include "proto/discovery.grpc.pb.h"

#include <boost/asio/io_context.hpp>

#include <unordered_set>

namespace culvert::authority {

class XdsStream;

// Streams arrive on gRPC's threads; all else happens on the loop. `loop` and `realm` outlive it,
// and the loop runs until every stream has ended.
class XdsService final
    : public envoy::service::discovery::v3::AggregatedDiscoveryService::CallbackService {
 public:
  using Request = envoy::service::discovery::v3::DeltaDiscoveryRequest;
  using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

  XdsService(boost::asio::io_context& loop, Realm& realm) : loop_(loop), realm_(realm) {}

  grpc::ServerBidiReactor<Request, Response>* DeltaAggregatedResources(
      grpc::CallbackServerContext* context) override;

  // Loop thread: the realm has a new snapshot; every stream gets what changed for it.
  void publish();
  // Loop thread: the realm knows other callers now; streams of those it no longer knows end, with
  // UNAUTHENTICATED.
  void reauthenticate();
  // Loop thread: ends all streams, with UNAVAILABLE; later ones end at once.
  void close();

 private:
  friend class XdsStream;
  boost::asio::io_context& loop_;
  Realm& realm_;
  // Loop thread only.
  std::unordered_set<XdsStream*> streams_;  // they own themselves and leave before they die
  bool closed_ = false;
};

}  // namespace culvert::authority
