#include "base/log_filter.hpp"

#include "base/log_format.hpp"

#include <algorithm>
#include <cctype>
#include <mutex>
#include <optional>
#include <utility>

namespace culvert::log {

namespace {

constexpr std::string_view kReferencePrefix = "ztunnel";

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == y;
  });
}

std::optional<Level> parse_level(std::string_view text) {
  for (const auto level :
       {Level::off, Level::error, Level::warn, Level::info, Level::debug, Level::trace}) {
    if (equal_ignoring_case(text, to_string(level))) return level;
  }
  return std::nullopt;
}

// How specifically `directive` names `target`: 0 not at all, 1 the default, more for longer
// prefixes.
std::size_t match(std::string_view directive, std::string_view target) {
  if (directive.empty()) return 1;
  if (target.starts_with(directive)) return directive.size() + 2;
  if (!directive.starts_with(kReferencePrefix)) return 0;
  directive.remove_prefix(kReferencePrefix.size());
  if (directive.empty()) return target == "access" || target == "dns" ? 0 : 2;
  if (!directive.starts_with("::")) return 0;
  directive.remove_prefix(2);
  return target.starts_with(directive) ? directive.size() + 2 : 0;
}

}  // namespace

Result<Directives::Directive> Directives::parse_one(std::string_view clause) {
  const auto equals = clause.rfind('=');
  const auto target =
      equals == std::string_view::npos ? std::string_view() : trim(clause.substr(0, equals));
  const auto level =
      parse_level(equals == std::string_view::npos ? clause : trim(clause.substr(equals + 1)));
  const bool named = equals == std::string_view::npos || !target.empty();
  const bool printable = std::all_of(target.begin(), target.end(), [](char c) {
    return std::isgraph(static_cast<unsigned char>(c)) != 0 && c != '=';
  });
  if (!level || !named || !printable) {
    return fail(Errc::invalid, "log filter clause \"" + std::string(clause) +
                                   "\": must be a level (off, error, warn, info, debug, trace) or "
                                   "target=level");
  }
  return Directive{std::string(target), *level};
}

Result<Directives> Directives::parse(std::string_view text) {
  Directives made;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto clause = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (clause.empty()) continue;
    const auto directive = parse_one(clause);
    if (!directive) return directive.error();
    made.put(directive->target, directive->level);
  }
  return made;
}

void Directives::put(std::string_view target, Level level) {
  for (Directive& old : directives_) {
    if (old.target != target) continue;
    old.level = level;
    return;
  }
  const auto place =
      std::find_if(directives_.begin(), directives_.end(), [&](const Directive& other) {
        if (other.target.size() != target.size()) return other.target.size() < target.size();
        return target < other.target;
      });
  directives_.insert(place, Directive{std::string(target), level});
}

void Directives::add(const Directives& later) {
  for (const Directive& directive : later.directives_) put(directive.target, directive.level);
}

Level Directives::level_of(std::string_view target) const {
  Level level = Level::info;
  std::size_t best = 0;
  for (const Directive& directive : directives_) {
    const auto specific = match(directive.target, target);
    if (specific <= best) continue;
    best = specific;
    level = directive.level;
  }
  return level;
}

std::string Directives::to_string() const {
  std::string out;
  bool has_default = false;
  for (const Directive& directive : directives_) {
    if (!out.empty()) out += ',';
    if (!directive.target.empty()) out.append(directive.target).append("=");
    has_default = has_default || directive.target.empty();
    out += log::to_string(directive.level);
  }
  if (!has_default) out += out.empty() ? "info" : ",info";
  return out;
}

// The directives in force and every living target. A friend of Target: it sets the levels.
class Filter {
 public:
  // Never destroyed: targets are static objects of other files and may die later.
  static Filter& global() {
    static auto* filter = new Filter;
    return *filter;
  }
  void enrol(Target& target) {
    const std::lock_guard lock(mutex_);
    targets_.push_back(&target);
    apply(target);
  }
  void withdraw(Target& target) {
    const std::lock_guard lock(mutex_);
    std::erase(targets_, &target);
  }
  void change(const Directives& directives, bool keep) {
    const std::lock_guard lock(mutex_);
    if (!keep) directives_ = {};
    directives_.add(directives);
    for (Target* target : targets_) apply(*target);
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return directives_.to_string();
  }

 private:
  void apply(Target& target) const {
    target.level_.store(directives_.level_of(target.name_), std::memory_order_relaxed);
  }

  std::mutex mutex_;
  Directives directives_;         // guarded by mutex_
  std::vector<Target*> targets_;  // guarded by mutex_; each withdraws itself before it dies
};

Target::Target(std::string_view name) : name_(name) { Filter::global().enrol(*this); }
Target::~Target() { Filter::global().withdraw(*this); }

Result<void> set_filter(std::string_view directives) {
  const auto parsed = Directives::parse(directives);
  if (!parsed) return parsed.error();
  Filter::global().change(*parsed, false);
  return {};
}

Result<void> add_filter(std::string_view directives) {
  const auto parsed = Directives::parse(directives);
  if (!parsed) return parsed.error();
  Filter::global().change(*parsed, true);
  return {};
}

std::string filter() { return Filter::global().text(); }

}  // namespace culvert::log
