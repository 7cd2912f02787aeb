#include "culvert/metrics/access_log.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>

namespace culvert::metrics {

namespace {

log::Level level_of(AccessEvent event, bool failed) {
  switch (event) {
    case AccessEvent::opened:
      return log::Level::debug;
    case AccessEvent::denied:
      return log::Level::warn;
    case AccessEvent::complete:
      break;
  }
  return failed ? log::Level::error : log::Level::info;
}

std::string_view message_of(AccessEvent event) {
  switch (event) {
    case AccessEvent::opened:
      return "connection opened";
    case AccessEvent::denied:
      return "connection failed";
    case AccessEvent::complete:
      break;
  }
  return "connection complete";
}

// "[v6]:65535" and a terminator.
using AddressText = std::array<char, INET6_ADDRSTRLEN + 9>;

// Writes "ip:port" into `text`, which the view points to: no allocation.
std::string_view format(const SocketAddress& address, AddressText& text) {
  char* at = text.data();
  char* const end = text.data() + text.size();
  if (address.ip.is_v6()) *at++ = '[';
  ::inet_ntop(address.ip.is_v4() ? AF_INET : AF_INET6, address.ip.bytes().data(), at,
              INET6_ADDRSTRLEN);
  at += std::strlen(at);
  if (address.ip.is_v6()) *at++ = ']';
  *at++ = ':';
  at = std::to_chars(at, end, address.port).ptr;
  return {text.data(), static_cast<std::size_t>(at - text.data())};
}

// The fields of one line, in order, on the stack.
class Fields {
 public:
  // Everything below, once.
  static constexpr std::size_t kMost = 17;

  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) fields_[count_++] = log::str(key, value);
  }
  void bare(std::string_view key, std::string_view value) {
    if (!value.empty()) fields_[count_++] = log::bare(key, value);
  }
  void number(std::string_view key, std::uint64_t value) {
    fields_[count_++] = log::num(key, static_cast<std::int64_t>(value));
  }
  void address(std::string_view key, const std::optional<SocketAddress>& value, AddressText& text) {
    if (value) bare(key, format(*value, text));
  }
  std::span<const log::Field> view() const { return std::span(fields_).first(count_); }

 private:
  std::array<log::Field, kMost> fields_;
  std::size_t count_ = 0;
};

}  // namespace

log::Target& access_target() {
  static log::Target target("access");
  return target;
}

bool access_enabled(AccessEvent event, bool failed) {
  return access_target().enabled(level_of(event, failed));
}

void write_access(const AccessRecord& record) {
  const auto level = level_of(record.event, !record.error.empty());
  if (!access_target().enabled(level)) return;
  const bool whole = record.event != AccessEvent::denied;
  const bool outbound = record.reporter == Reporter::source;
  AddressText from;
  AddressText to;
  std::array<char, 24> duration;
  Fields fields;
  fields.address("src.addr", record.source.address, from);
  if (whole) {
    fields.text("src.workload", record.source.workload);
    fields.text("src.namespace", record.source.namespace_);
    fields.text("src.identity", record.source.identity);
    fields.text("src.cluster", record.source.cluster);
  }
  fields.address("dst.addr", record.destination.address, to);
  if (whole) {
    fields.bare("dst.hbone_addr", record.destination_hbone);
    fields.text("dst.service", record.destination_service);
    fields.text("dst.workload", record.destination.workload);
    fields.text("dst.namespace", record.destination.namespace_);
    fields.text("dst.identity", record.destination.identity);
    fields.text("dst.cluster", record.destination.cluster);
  }
  fields.text("direction", outbound ? "outbound" : "inbound");
  if (record.event == AccessEvent::complete) {
    fields.number("bytes_sent", outbound ? record.received_bytes : record.sent_bytes);
    fields.number("bytes_recv", outbound ? record.sent_bytes : record.received_bytes);
    auto* end = std::to_chars(duration.data(), duration.data() + duration.size() - 2,
                              record.duration.count())
                    .ptr;
    *end++ = 'm';
    *end++ = 's';
    fields.text("duration", {duration.data(), static_cast<std::size_t>(end - duration.data())});
  }
  fields.text("error", record.error);
  log::write(level, access_target(), message_of(record.event), fields.view());
}

}  // namespace culvert::metrics
