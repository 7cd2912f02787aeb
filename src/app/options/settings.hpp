// The one table of environment variables: name, type, default, help and setter. Everything else
// (reading, help text, documentation) walks it.
#pragma once

#include "app/options/draft.hpp"
#include "culvert/app/options.hpp"

#include <span>
#include <string_view>

namespace culvert::app {

struct Setting {
  SettingHelp help;
  // Reads `value` into the draft; the error says what is allowed. `suffix` is what stands for the
  // '*' of a family. Null where the variable is read elsewhere (or not at all).
  Result<void> (*set)(Draft& draft, std::string_view value, std::string_view suffix);
  bool secret = false;  // never show the value, not even in an error
};

// Who we are, and the control plane.
std::span<const Setting> control_settings();
// Sockets, tunnels, records.
std::span<const Setting> data_settings();
// Threads, drain, log.
std::span<const Setting> process_settings();

}  // namespace culvert::app
