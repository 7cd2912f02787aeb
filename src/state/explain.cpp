// Decisions in words: what the access log and `culvertctl explain` print.
#include "culvert/state/authorize.hpp"
#include "culvert/state/route.hpp"

namespace culvert::state {

namespace {

// What each reason means to the person who asks why.
std::string_view sentence(Reason reason) {
  switch (reason) {
    case Reason::unknown_destination:
      return "the mesh knows neither a service nor a workload at this address";
    case Reason::passthrough_service:
      return "the service asks for the original destination";
    case Reason::direct:
      return "no waypoint in between";
    case Reason::waypoint_of_service:
      return "through the waypoint of the service";
    case Reason::waypoint_of_workload:
      return "through the waypoint of the workload";
    case Reason::recursive_call:
      return "attempted recursive call to ourselves";
    case Reason::no_healthy_upstream:
      return "no healthy upstream: the service has no usable endpoint for this port";
    case Reason::unknown_waypoint:
      return "unknown waypoint: its reference leads to no service and no workload";
    case Reason::no_usable_address:
      return "the workload has no address of an allowed family";
    case Reason::cross_network:
      return "the workload is in another network, and double HBONE is not supported";
    case Reason::no_routing_destination:
      return "no valid routing destination: the workload is in another network without a gateway";
  }
  return "";
}

}  // namespace

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::unknown_destination:
      return "unknown_destination";
    case Reason::passthrough_service:
      return "passthrough_service";
    case Reason::direct:
      return "direct";
    case Reason::waypoint_of_service:
      return "waypoint_of_service";
    case Reason::waypoint_of_workload:
      return "waypoint_of_workload";
    case Reason::recursive_call:
      return "recursive_call";
    case Reason::no_healthy_upstream:
      return "no_healthy_upstream";
    case Reason::unknown_waypoint:
      return "unknown_waypoint";
    case Reason::no_usable_address:
      return "no_usable_address";
    case Reason::cross_network:
      return "cross_network";
    case Reason::no_routing_destination:
      return "no_routing_destination";
  }
  return "";
}

std::string_view to_string(OutboundDecision::Kind kind) {
  switch (kind) {
    case OutboundDecision::Kind::pass_through:
      return "pass_through";
    case OutboundDecision::Kind::tcp:
      return "tcp";
    case OutboundDecision::Kind::hbone:
      return "hbone";
    case OutboundDecision::Kind::resolve:
      return "resolve";
    case OutboundDecision::Kind::refuse:
      return "refuse";
  }
  return "";
}

std::string OutboundDecision::explain() const {
  std::string text;
  switch (kind) {
    case Kind::pass_through:
      text = "plain TCP to the original destination " + dial.to_string();
      break;
    case Kind::tcp:
      text = "plain TCP to " + dial.to_string();
      break;
    case Kind::hbone:
      text = "HBONE to " + dial.to_string() + " for " + authority;
      break;
    case Kind::resolve:
      text = "to the address of " + hostname.str() + ", when it is looked up";
      break;
    case Kind::refuse:
      text = "refused";
      break;
  }
  text += ": ";
  text += sentence(reason);
  if (service != nullptr) text += "; service " + service->key().to_string();
  if (destination != nullptr) text += "; workload " + destination->uid.str();
  for (std::size_t i = 0; i < expected.size(); ++i)
    text += (i == 0 ? "; expects " : " or ") + expected[i].uri();
  return text;
}

std::string Verdict::reason() const {
  switch (basis) {
    case Basis::no_allow_policies:
      return "no allow policies";
    case Basis::allowed_by:
      return "allowed by: " + policy->namespace_.str() + "/" + policy->name.str();
    case Basis::denied_by:
      return "explicitly denied by: " + policy->namespace_.str() + "/" + policy->name.str();
    case Basis::none_allowed:
      return "allow policies exist, but none allowed";
  }
  return "";
}

}  // namespace culvert::state
