#include "tls/openssl.hpp"

#include <openssl/err.h>

namespace culvert::tls {

std::string drain_errors() {
  std::string text;
  const char* data = nullptr;
  int flags = 0;
  while (const auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* reason = ERR_reason_error_string(code);
    if (!text.empty()) text += "; ";
    text += reason != nullptr ? std::string(reason) : "error " + std::to_string(code);
    if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') {
      text += ": ";
      text += data;
    }
  }
  return text.empty() ? "unknown error" : text;
}

Error crypto_error(std::string_view what, Errc code) {
  return fail(code, std::string(what) + ": " + drain_errors());
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return length > 0 ? std::string(data, static_cast<std::size_t>(length)) : std::string();
}

int no_pass_phrase(char*, int, int, void*) { return -1; }

}  // namespace culvert::tls
