#include "profile/document.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace culvert::profile {

namespace {

std::string for_people(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  return name ? name.get() : symbol;
}

}  // namespace

Document::Document(std::initializer_list<ValueType> types) {
  text("");  // the format wants it first
  for (const ValueType& type : types) set(*profile_.add_sample_type(), type);
  profile_.set_time_nanos(std::chrono::duration_cast<std::chrono::nanoseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count());
}

std::int64_t Document::text(std::string_view text) {
  if (const auto found = strings_.find(text); found != strings_.end()) return found->second;
  const std::int64_t index = profile_.string_table_size();
  profile_.add_string_table(std::string(text));
  strings_.emplace(text, index);
  return index;
}

void Document::set(format::ValueType& out, ValueType type) {
  out.set_type(text(type.type));
  out.set_unit(text(type.unit));
}

void Document::set_period(ValueType type, std::int64_t period) {
  set(*profile_.mutable_period_type(), type);
  profile_.set_period(period);
}

void Document::set_duration(std::chrono::nanoseconds duration) {
  profile_.set_duration_nanos(duration.count());
}

void Document::add(std::span<const std::uintptr_t> stack,
                   std::initializer_list<std::int64_t> values, const std::string& thread) {
  auto& sample = *profile_.add_sample();
  for (const auto address : stack) sample.add_location_id(location(address));
  for (const auto value : values) sample.add_value(value);
  if (thread.empty()) return;
  auto& label = *sample.add_label();
  label.set_key(text("thread"));
  label.set_str(text(thread));
}

std::uint64_t Document::location(std::uintptr_t address) {
  const auto [at, is_new] = locations_.try_emplace(address, locations_.size() + 1);
  if (!is_new) return at->second;
  auto& location = *profile_.add_location();
  location.set_id(at->second);
  location.set_address(address);
  if (const auto place = code_.find(address)) {
    location.set_mapping_id(place->mapping + 1);
    if (!place->symbol.empty()) location.add_line()->set_function_id(function(place->symbol));
  }
  return at->second;
}

std::uint64_t Document::function(const std::string& symbol) {
  const auto [at, is_new] = functions_.try_emplace(symbol, functions_.size() + 1);
  if (!is_new) return at->second;
  auto& function = *profile_.add_function();
  function.set_id(at->second);
  function.set_name(text(for_people(symbol)));
  function.set_system_name(text(symbol));
  return at->second;
}

std::string Document::finish() {
  for (const CodeMapping& mapping : code_.mappings()) {
    auto& out = *profile_.add_mapping();
    out.set_id(static_cast<std::uint64_t>(profile_.mapping_size()));
    out.set_memory_start(mapping.start);
    out.set_memory_limit(mapping.end);
    out.set_file_offset(mapping.offset);
    out.set_filename(text(mapping.file));
    out.set_build_id(text(mapping.build_id));
    out.set_has_functions(mapping.symbols->whole());
  }
  return profile_.SerializeAsString();
}

}  // namespace culvert::profile
