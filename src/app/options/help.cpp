#include "app/options/settings.hpp"

#include <algorithm>

namespace culvert::app {

std::span<const SettingHelp> setting_help() {
  static const auto all = [] {
    std::vector<SettingHelp> made;
    for (const auto settings : {control_settings(), data_settings(), process_settings()}) {
      for (const Setting& setting : settings) made.push_back(setting.help);
    }
    return made;
  }();
  return all;
}

std::string help_text() {
  std::string out =
      "Usage: culvert [proxy ...]   run\n"
      "       culvert version       print the version\n"
      "       culvert help          print this text\n"
      "\n"
      "All settings are environment variables:\n\n";
  std::size_t width = 0;
  for (const auto& setting : setting_help()) width = std::max(width, setting.name.size());
  for (const auto& setting : setting_help()) {
    out.append("  ").append(setting.name).append(width - setting.name.size() + 2, ' ');
    out.append(setting.help).append(" [").append(setting.type);
    if (!setting.fallback.empty()) out.append(", default: ").append(setting.fallback);
    out += "]\n";
  }
  return out;
}

}  // namespace culvert::app
