#include "admin/base64.hpp"

namespace culvert::admin {

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (unsigned j = 0; j < 4; ++j)
      out += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63U];
  }
  return out;
}

}  // namespace culvert::admin
