// One delta xDS stream: moves messages between gRPC and the DeltaSession of each type.
#pragma once

#include "authority/delta_session.hpp"
#include "authority/xds_service.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <array>
#include <optional>
#include <string>

namespace culvert::authority {

// Owns itself: dies after OnDone. gRPC calls the On... functions on its threads; each only posts to
// the loop, where everything else runs. At most one read and one write are under way.
class XdsStream final : public grpc::ServerBidiReactor<XdsService::Request, XdsService::Response> {
 public:
  XdsStream(XdsService& service, grpc::CallbackServerContext& context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

  // Loop thread: writes the next response, if one is due and no write is under way.
  void push();
  // Loop thread: whether the caller is (still) known; ends the stream if not.
  bool authenticate();
  // Loop thread: ends the stream once the running write is done.
  void end(const grpc::Status& status);

 private:
  struct Type {
    std::string_view url;
    DeltaSession session;
  };

  void open();
  void read(bool ok);
  void written(bool ok);
  bool introduced();
  void report(DeltaSession::Answer answer, const Type& type);
  const std::shared_ptr<const ResourceSet>& resources(const Type& type) const;
  void finish_when_idle();

  // Constant after construction.
  XdsService& service_;
  grpc::CallbackServerContext& context_;  // lives until OnDone
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_loop_;
  std::string peer_;
  // Loop thread only; gRPC fills in_ and reads out_ between start and completion of a transfer.
  XdsService::Request in_;
  XdsService::Response out_;
  std::string node_;  // id, from the first request
  std::array<Type, 2> types_{{{kAddressType, {}}, {kAuthorizationType, {}}}};
  bool writing_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> ending_;
};

}  // namespace culvert::authority
