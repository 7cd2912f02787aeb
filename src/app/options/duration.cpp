// Durations as operators write them for the reference: sums and products of numbers with units.
#include "culvert/app/options.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace culvert::app {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86400 * kSecond;
constexpr std::array kUnits = {
    Unit{"ns", 1},         Unit{"us", 1000},    Unit{"\xC2\xB5s", 1000}, Unit{"\xCE\xBCs", 1000},
    Unit{"ms", 1'000'000}, Unit{"s", kSecond},  Unit{"m", 60 * kSecond}, Unit{"h", 3600 * kSecond},
    Unit{"d", kDay},       Unit{"w", 7 * kDay}, Unit{"mon", 30 * kDay},  Unit{"y", 365 * kDay},
};

// One number with an optional unit.
struct Term {
  std::int64_t number = 0;
  const Unit* unit = nullptr;  // null: none given
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<std::int64_t> run() {
    auto term = take_term();
    if (!term) return std::nullopt;
    auto total = nanoseconds(*term);
    while (total && !at_end()) {
      const char next = text_.front();
      if (next == '*') {
        total = multiply(*total);
      } else {
        if (next == '+') text_.remove_prefix(1);
        // Terms without a sign between them need units: "10 20" is a mistake, not 30 seconds.
        const auto other = take_term();
        if (!other || (next != '+' && (other->unit == nullptr || term->unit == nullptr)))
          return std::nullopt;
        term = other;
        total = add(*total, nanoseconds(*other));
      }
    }
    return total;
  }

 private:
  using Amount = std::optional<std::int64_t>;

  void skip_spaces() {
    while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
  }
  bool at_end() {
    skip_spaces();
    return text_.empty();
  }

  std::optional<Term> take_term() {
    skip_spaces();
    Term term;
    const auto [stop, ec] = std::from_chars(text_.data(), text_.data() + text_.size(), term.number);
    if (ec != std::errc() || text_.front() == '-') return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(stop - text_.data()));
    skip_spaces();
    for (const Unit& unit : kUnits) {  // the longest name that fits: "mon" before "m"
      if (text_.starts_with(unit.name) &&
          (term.unit == nullptr || unit.name.size() > term.unit->name.size()))
        term.unit = &unit;
    }
    if (term.unit != nullptr) text_.remove_prefix(term.unit->name.size());
    return term;
  }

  static Amount nanoseconds(const Term& term) {
    return times(term.number, term.unit == nullptr ? kSecond : term.unit->nanoseconds);
  }
  static Amount times(std::int64_t a, std::int64_t b) {
    std::int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? Amount() : Amount(product);
  }
  static Amount add(std::int64_t a, Amount b) {
    std::int64_t sum = 0;
    return !b || __builtin_add_overflow(a, *b, &sum) ? Amount() : Amount(sum);
  }
  // Behind a '*' stands a plain factor.
  Amount multiply(std::int64_t total) {
    text_.remove_prefix(1);
    const auto factor = take_term();
    return factor && factor->unit == nullptr ? times(total, factor->number) : Amount();
  }

  std::string_view text_;
};

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const auto amount = Reader(text).run();
  if (!amount) return fail(Errc::invalid, "must be a duration such as 90, 250ms, 30s, 5m or 1h30m");
  return std::chrono::nanoseconds(*amount);
}

}  // namespace culvert::app
