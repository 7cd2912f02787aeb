#include "host/agent_json.hpp"

#include "host/json_fields.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace culvert::host {
namespace {

// Nothing when it is not JSON. (Not a Result: Json converts from nearly everything.)
std::optional<Json> parse(std::string_view text) {
  auto parsed = Json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return std::nullopt;
  return std::optional<Json>(std::move(parsed));
}

Error not_json() { return fail(Errc::invalid, "not JSON"); }

// Peers' words may hold any bytes: what is not UTF-8 is replaced, not thrown at.
std::string dump(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const char* name_of(NetnsRef::Kind kind) {
  switch (kind) {
    case NetnsRef::Kind::name:
      return "name";
    case NetnsRef::Kind::pid:
      return "pid";
    case NetnsRef::Kind::path:
      break;
  }
  return "path";
}

Json to_json(const NetnsRef& ref) { return {{"kind", name_of(ref.kind)}, {"value", ref.value}}; }

Result<NetnsRef> netns_from(const Json& json) {
  Fields fields(json);
  NetnsRef ref;
  const auto kind = fields.text("kind");
  ref.value = fields.text("value");
  if (auto good = fields.check(); !good) return good.error().with("netns");
  for (const auto candidate : {NetnsRef::Kind::name, NetnsRef::Kind::pid, NetnsRef::Kind::path}) {
    if (kind != name_of(candidate)) continue;
    ref.kind = candidate;
    return ref;
  }
  return fail(Errc::invalid, "netns: kind is none of name, pid, path");
}

Json to_json(const PodInfo& pod) {
  return {{"uid", pod.uid},
          {"name", pod.name},
          {"namespace", pod.namespace_},
          {"serviceAccount", pod.service_account}};
}

Result<PodInfo> pod_from(const Json& json) {
  Fields fields(json);
  PodInfo pod{fields.text("uid"), fields.text("name"), fields.text("namespace"),
              fields.text("serviceAccount")};
  if (auto good = fields.check(); !good) return good.error().with("pod");
  if (auto good = check_pod(pod); !good) return good.error();
  return pod;
}

Json to_json(const RedirectOptions& options) {
  return {{"ipv6", options.ipv6},
          {"dns", options.dns},
          {"ingress", options.ingress},
          {"virtualInterfaces", options.virtual_interfaces}};
}

Result<RedirectOptions> redirect_from(const Json& json) {
  Fields fields(json);
  RedirectOptions options;
  options.ipv6 = fields.flag("ipv6", true);
  options.dns = fields.flag("dns", false);
  options.ingress = fields.flag("ingress", false);
  options.virtual_interfaces = fields.texts("virtualInterfaces");
  if (auto good = fields.check(); !good) return good.error().with("redirect");
  return options;
}

// The member `key` of `fields`, decoded by `decode`; absent is an empty object.
template <class Decode>
auto member(const Fields& fields, const char* key, Decode decode) {
  static const Json empty = Json::object();
  const auto* found = fields.find(key);
  return decode(found == nullptr ? empty : *found);
}

Json to_json(const Enrolment& enrolment) {
  return {{"pod", to_json(enrolment.pod)},        {"netns", to_json(enrolment.netns)},
          {"device", enrolment.id.device},        {"inode", enrolment.id.inode},
          {"incarnation", enrolment.incarnation}, {"redirect", to_json(enrolment.redirect)},
          {"leaving", enrolment.leaving},         {"captureDns", enrolment.capture_dns}};
}

Result<Enrolment> enrolment_from(const Json& json) {
  Fields fields(json);
  Enrolment enrolment;
  enrolment.id = {fields.number("device"), fields.number("inode")};
  enrolment.incarnation = fields.text("incarnation");
  enrolment.leaving = fields.flag("leaving", false);
  if (auto good = fields.check(); !good) return good.error();
  const auto pod = member(fields, "pod", pod_from);
  const auto netns = member(fields, "netns", netns_from);
  const auto redirect = member(fields, "redirect", redirect_from);
  if (!pod) return pod.error();
  if (!netns) return netns.error();
  if (!redirect) return redirect.error();
  enrolment.pod = *pod;
  enrolment.netns = *netns;
  enrolment.redirect = *redirect;
  // Absent in tables of before it was kept: as it was then.
  enrolment.capture_dns = fields.flag("captureDns", redirect->dns);
  if (auto good = fields.check(); !good) return good.error();
  return enrolment;
}

// One namespace has one identity, and one uid means one pod.
Result<void> check_alone(const Enrolment& enrolment, const std::vector<Enrolment>& others) {
  for (const auto& other : others) {
    if (other.pod.uid == enrolment.pod.uid)
      return fail(Errc::invalid, "uid " + enrolment.pod.uid + " is in an earlier entry already");
    if (other.id == enrolment.id && other.incarnation == enrolment.incarnation)
      return fail(Errc::invalid, "pod " + enrolment.pod.uid + " and pod " + other.pod.uid +
                                     " have the same namespace");
  }
  return {};
}

const char* name_of(DnsCapture dns) {
  switch (dns) {
    case DnsCapture::demanded:
      return "demanded";
    case DnsCapture::never:
      return "never";
    case DnsCapture::when_served:
      break;
  }
  return "when-served";
}

// Absent in the requests of an older culvertctl, which says `redirect.dns` or nothing.
Result<DnsCapture> dns_from(Fields& fields, const RedirectOptions& redirect) {
  const auto name = fields.text("dns");
  if (auto good = fields.check(); !good) return good.error();
  if (name.empty()) return redirect.dns ? DnsCapture::demanded : DnsCapture::when_served;
  for (const auto dns : {DnsCapture::when_served, DnsCapture::demanded, DnsCapture::never})
    if (name == name_of(dns)) return dns;
  return fail(Errc::invalid, "dns is none of when-served, demanded, never");
}

Result<AgentRequest> enrol_from(Fields& fields) {
  EnrolRequest request;
  request.keep_pending = fields.flag("keepPending", false);
  request.force = fields.flag("force", false);
  if (auto good = fields.check(); !good) return good.error();
  const auto pod = member(fields, "pod", pod_from);
  const auto netns = member(fields, "netns", netns_from);
  const auto redirect = member(fields, "redirect", redirect_from);
  if (!pod) return pod.error();
  if (!netns) return netns.error();
  if (!redirect) return redirect.error();
  request.pod = *pod;
  request.netns = *netns;
  request.redirect = *redirect;
  const auto dns = dns_from(fields, *redirect);
  if (!dns) return dns.error();
  request.dns = *dns;
  return AgentRequest(std::move(request));
}

Result<AgentRequest> withdraw_from(Fields& fields) {
  WithdrawRequest request;
  request.uid = fields.text("uid");
  request.pod = fields.text("pod");
  request.force = fields.flag("force", false);
  if (auto good = fields.check(); !good) return good.error();
  if (fields.find("netns") != nullptr) {
    const auto netns = member(fields, "netns", netns_from);
    if (!netns) return netns.error();
    request.netns = *netns;
  }
  return AgentRequest(std::move(request));
}

Json encode(const EnrolRequest& request) {
  return {{"op", "enroll"},
          {"pod", to_json(request.pod)},
          {"netns", to_json(request.netns)},
          {"redirect", to_json(request.redirect)},
          {"dns", name_of(request.dns)},
          {"keepPending", request.keep_pending},
          {"force", request.force}};
}

Json encode(const WithdrawRequest& request) {
  Json json{
      {"op", "withdraw"}, {"uid", request.uid}, {"pod", request.pod}, {"force", request.force}};
  if (request.netns) json["netns"] = to_json(*request.netns);
  return json;
}

Json encode(const ListRequest&) { return {{"op", "list"}}; }

// What went wrong at the agent, from its answer.
Result<void> answered_well(Fields& fields) {
  const bool good = fields.flag("ok", false);
  const auto error = fields.text("error");
  if (auto read = fields.check(); !read) return read.error().with("the agent's answer");
  if (good) return {};
  return fail(Errc::refused, error.empty() ? "the agent's answer is not one" : error);
}

bool is_name(std::string_view text, std::size_t limit) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  return text.size() <= limit && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

Result<void> check_pod(const PodInfo& pod) {
  // The daemon reads packets of 1024 bytes: these bounds (Kubernetes' own) keep an add below.
  if (pod.name.empty() || pod.namespace_.empty() || pod.service_account.empty())
    return fail(Errc::invalid, "a workload is namespace/name/service-account, none of them empty");
  if (!is_name(pod.name, 253) || !is_name(pod.namespace_, 63) ||
      !is_name(pod.service_account, 253) || !is_name(pod.uid, 128))
    return fail(Errc::invalid,
                "workload and uid take letters, digits, '-', '.' and '_' only, in the lengths "
                "Kubernetes allows");
  return {};
}

std::string encode_request(const AgentRequest& request) {
  return dump(std::visit([](const auto& r) { return encode(r); }, request));
}

Result<AgentRequest> decode_request(std::string_view text) {
  const auto json = parse(text);
  if (!json) return not_json();
  Fields fields(*json);
  const auto op = fields.text("op");
  if (auto good = fields.check(); !good) return good.error();
  if (op == "enroll") return enrol_from(fields);
  if (op == "withdraw") return withdraw_from(fields);
  if (op == "list") return AgentRequest(ListRequest{});
  return fail(Errc::invalid, "op is none of enroll, withdraw, list");
}

std::string encode_outcome(const Result<Outcome>& outcome) {
  if (!outcome) return dump({{"ok", false}, {"error", outcome.error().detail}});
  return dump({{"ok", true}, {"uid", outcome->uid}, {"steps", outcome->steps}});
}

Result<Outcome> decode_outcome(std::string_view text) {
  const auto json = parse(text);
  if (!json) return not_json().with("the agent's answer");
  Fields fields(*json);
  if (auto good = answered_well(fields); !good) return good.error();
  Outcome outcome{fields.text("uid"), fields.texts("steps")};
  if (auto good = fields.check(); !good) return good.error().with("the agent's answer");
  return outcome;
}

std::string encode_statuses(const std::vector<EnrolmentStatus>& statuses) {
  Json list = Json::array();
  for (const auto& status : statuses) {
    auto json = to_json(status.enrolment);
    json["up"] = status.up;
    json["absent"] = status.absent;
    json["error"] = status.error;
    list.push_back(std::move(json));
  }
  return dump({{"ok", true}, {"enrolments", std::move(list)}});
}

Result<std::vector<EnrolmentStatus>> decode_statuses(std::string_view text) {
  const auto json = parse(text);
  if (!json) return not_json().with("the agent's answer");
  Fields fields(*json);
  if (auto good = answered_well(fields); !good) return good.error();
  std::vector<EnrolmentStatus> all;
  for (const auto& element : fields.list("enrolments")) {
    const auto enrolment = enrolment_from(element);
    if (!enrolment) return enrolment.error().with("the agent's answer");
    Fields more(element);
    all.push_back(
        {*enrolment, more.flag("up", false), more.flag("absent", false), more.text("error")});
  }
  if (auto good = fields.check(); !good) return good.error().with("the agent's answer");
  return all;
}

std::string encode_table(const std::vector<Enrolment>& table) {
  Json list = Json::array();
  for (const auto& enrolment : table) list.push_back(to_json(enrolment));
  return dump({{"version", 1}, {"enrolments", std::move(list)}}, 2) + "\n";
}

Result<std::vector<Enrolment>> decode_table(std::string_view text) {
  const auto json = parse(text);
  if (!json) return not_json();
  Fields fields(*json);
  if (fields.number("version") != 1) fields.complain("version is not 1");
  std::vector<Enrolment> table;
  for (const auto& element : fields.list("enrolments")) {
    const auto enrolment = enrolment_from(element);
    const auto where = "enrolments[" + std::to_string(table.size()) + "]";
    if (!enrolment) return enrolment.error().with(where);
    if (auto good = check_alone(*enrolment, table); !good) return good.error().with(where);
    table.push_back(*enrolment);
  }
  if (auto good = fields.check(); !good) return good.error();
  return table;
}

}  // namespace culvert::host
