#include "base/log_format.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>

namespace culvert::log {

namespace {

// One character of UTF-8 text; `length` 0 means that the bytes are not UTF-8 (RFC 3629: no
// overlong forms, no surrogates).
struct Character {
  std::uint32_t code = 0;
  std::size_t length = 0;
};

Character decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  std::uint32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    code = code << 6 | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length};
}

// Control characters, and the separators that some readers take for the end of a line.
bool unprintable(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

void append_hex(std::string& out, std::uint32_t value, std::size_t width) {
  std::array<char, 8> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (length < width) out.append(width - length, '0');
  out.append(digits.data(), length);
}

// The two-character escape of `code`, or 0.
char short_escape(std::uint32_t code) {
  switch (code) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// Plain output: what is not printable as \n, \r, \t, \u{1b}, and stray bytes as \xff. Inside quotes
// the quote and the backslash are escaped, too.
void append_escaped(std::string& out, std::string_view text, bool quoted) {
  while (!text.empty()) {
    const auto [code, length] = decode(text);
    if (length == 0) {
      out += "\\x";
      append_hex(out, static_cast<std::uint8_t>(text[0]), 2);
      text.remove_prefix(1);
      continue;
    }
    if (const char letter = short_escape(code); letter != 0) {
      out += '\\';
      out += letter;
    } else if (unprintable(code)) {
      out += "\\u{";
      append_hex(out, code, 1);
      out += '}';
    } else {
      if (quoted && (code == '"' || code == '\\')) out += '\\';
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

// A JSON string with its quotes (RFC 8259 section 7).
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto [code, length] = decode(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    if (const char letter = short_escape(code); letter != 0) {
      out += '\\';
      out += letter;
    } else if (unprintable(code)) {
      out += "\\u";
      append_hex(out, code, 4);
    } else {
      if (code == '"' || code == '\\') out += '\\';
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  out += '"';
}

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// `value` in exactly `width` decimal digits.
void append_padded(std::string& out, unsigned value, std::size_t width) {
  const auto start = out.size();
  out.append(width, '0');
  for (auto i = start + width; i > start && value > 0; value /= 10)
    out[--i] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string_view to_string(Level level) {
  constexpr std::array<std::string_view, 6> kNames = {"off",  "error", "warn",
                                                      "info", "debug", "trace"};
  return kNames[static_cast<std::size_t>(level)];
}

void append_time(std::string& out, WallTime time) {
  using namespace std::chrono;
  const auto whole = floor<days>(time);
  const year_month_day date(whole);
  const hh_mm_ss<microseconds> clock(floor<microseconds>(time - whole));
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, static_cast<unsigned>(clock.hours().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out += ':';
  append_padded(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out += '.';
  append_padded(out, static_cast<unsigned>(clock.subseconds().count()), 6);
  out += 'Z';
}

void append_plain(std::string& out, const Event& event) {
  append_time(out, event.time);
  out.append("\t").append(to_string(event.level)).append("\t").append(event.target).append("\t");
  append_escaped(out, event.message, false);
  char separator = '\t';
  for (const Field& field : event.fields) {
    out += separator;
    separator = ' ';
    out.append(field.key).append("=");
    switch (field.kind) {
      case Field::Kind::quoted:
        out += '"';
        append_escaped(out, field.text, true);
        out += '"';
        break;
      case Field::Kind::bare:
        append_escaped(out, field.text, false);
        break;
      case Field::Kind::number:
        append_number(out, field.number);
        break;
    }
  }
  out += '\n';
}

void append_json(std::string& out, const Event& event) {
  out.append("{\"level\":\"").append(to_string(event.level)).append("\",\"time\":\"");
  append_time(out, event.time);
  out += "\",\"scope\":";
  append_json_string(out, event.target);
  out += ",\"message\":";
  append_json_string(out, event.message);
  for (const Field& field : event.fields) {
    out += ',';
    append_json_string(out, field.key);
    out += ':';
    if (field.kind == Field::Kind::number)
      append_number(out, field.number);
    else
      append_json_string(out, field.text);
  }
  out += "}\n";
}

}  // namespace culvert::log
