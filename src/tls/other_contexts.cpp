#include "culvert/tls/other_contexts.hpp"

#include "tls/openssl.hpp"

#include <openssl/conf.h>
#include <openssl/err.h>

#include <string>

namespace culvert::tls {
namespace {

using ConfigPtr = std::unique_ptr<CONF, OpensslFree<NCONF_free>>;

struct StringFree {
  void operator()(char* text) const { OPENSSL_free(text); }
};

// The machine's configuration; null when there is none that can be read.
ConfigPtr machine_config() {
  const std::unique_ptr<char, StringFree> file(CONF_get1_default_config_file());
  ConfigPtr config(NCONF_new(nullptr));
  if (config && file && NCONF_load(config.get(), file.get(), nullptr) == 1) return config;
  ERR_clear_error();
  return nullptr;
}

std::string value(const CONF* config, const std::string& section, const char* name) {
  if (section.empty()) return {};
  const char* text = NCONF_get_string(config, section.c_str(), name);
  ERR_clear_error();  // a missing value is an error there
  return text != nullptr ? text : "";
}

// What the machine says about new contexts, one command a line.
std::string machine_defaults() {
  const auto config = machine_config();
  if (!config) return {};
  const auto modules = value(config.get(), "default", "openssl_conf");
  const auto section =
      value(config.get(), value(config.get(), modules, "ssl_conf"), "system_default");
  if (section.empty()) return {};
  const auto* commands = NCONF_get_section(config.get(), section.c_str());
  std::string lines;
  for (int i = 0; i < sk_CONF_VALUE_num(commands); ++i) {
    const CONF_VALUE* command = sk_CONF_VALUE_value(commands, i);
    lines += std::string(command->name) + " = " + command->value + "\n";
  }
  return lines;
}

// The last of several commands of one name counts.
std::string restricted_defaults(bool tls12) {
  return "culvert = modules\n[modules]\nssl_conf = contexts\n"
         "[contexts]\nsystem_default = defaults\n[defaults]\n" +
         machine_defaults() + "Ciphersuites = TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256\n" +
         (tls12 ? "" : "Protocol = -TLSv1.2\n");
}

}  // namespace

Result<void> restrict_other_contexts(bool tls12) {
  ERR_clear_error();
  // Otherwise the machine's configuration would be loaded later, and replace ours.
  OPENSSL_init_ssl(0, nullptr);
  const auto text = restricted_defaults(tls12);
  const ConfigPtr config(NCONF_new(nullptr));
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!config || !bio || NCONF_load_bio(config.get(), bio.get(), nullptr) != 1 ||
      CONF_modules_load(config.get(), "culvert", 0) != 1)
    return crypto_error("limiting TLS of other libraries");
  return {};
}

}  // namespace culvert::tls
