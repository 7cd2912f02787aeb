#include "proxy/connection.hpp"

#include <chrono>

namespace culvert::proxy {

void Connection::opened(metrics::TrafficCounters& counters) {
  counters_ = &counters;
  counters.open();
  log_access(metrics::AccessEvent::opened, facts_, 0, 0, {}, {});
}

void Connection::closed(std::uint64_t received, std::uint64_t sent, const Error* error,
                        TimePoint now, bool hbone_dial) {
  using metrics::ResponseFlag;
  const auto flag = error != nullptr ? metrics::flag_of(*error, hbone_dial) : ResponseFlag::none;
  counters_->close(flag);
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(now - opened_);
  log_access(metrics::AccessEvent::complete, facts_, received, sent, duration,
             error != nullptr ? std::string_view(error->detail) : std::string_view());
}

}  // namespace culvert::proxy
