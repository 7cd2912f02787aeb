#include "host/netns_search.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

namespace culvert::host {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The kernel writes blanks, newlines and backslashes of a path as \ooo.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8).ptr ==
            text.data() + i + 4) {
      plain += static_cast<char>(value);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

Result<std::vector<std::string>> read_mounts(NetnsId id) {
  std::ifstream file("/proc/self/mountinfo");
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return fail(Errc::io, "cannot read /proc/self/mountinfo");
  return mounts_of(id, text.str());
}

// What is not there, or is something else by now, is known not to lead to a namespace.
bool leads_nowhere(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::invalid;
}

// The files of /proc/PID/net are others in each namespace, and their numbers may be seen of every
// process, while /proc/PID/ns/net may only be seen of those that could be traced.
Result<ino_t> mark_of(const Netns& netns) {
  struct stat info{};
  const auto looked = run_in_netns(netns.fd(), [&]() -> Result<void> {
    if (::stat("/proc/thread-self/net/dev", &info) == 0) return {};
    return fail_errno("/proc/thread-self/net/dev", errno);
  });
  if (!looked) return looked.error();
  return info.st_ino;
}

// Calls `look` with the pid of every process, as text, until it says true; whether it did.
Result<bool> any_process(const std::function<bool(const std::string&)>& look) {
  std::error_code error;
  std::filesystem::directory_iterator it("/proc", error);
  for (const std::filesystem::directory_iterator end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    if (all_digits(name) && look(name)) return true;
  }
  if (error) return fail_errno("look through /proc", error.value());
  return false;
}

Result<bool> is_inhabited(const Netns& netns) {
  const auto mark = mark_of(netns);
  if (!mark) return mark.error();
  return any_process([&](const std::string& pid) {
    struct stat info{};
    return ::stat(("/proc/" + pid + "/net/dev").c_str(), &info) == 0 && info.st_ino == *mark;
  });
}

// One search: tries what might lead to the namespace, and remembers what could not be looked at.
class Search {
 public:
  explicit Search(const Enrolment& enrolment) : enrolment_(enrolment) {}

  Result<FoundNetns> run() {
    if (try_ref(enrolment_.netns) || try_process() || try_mounts()) return std::move(*found_);
    if (doubt_) return *doubt_;
    return fail(Errc::not_found, enrolment_.netns.describe() +
                                     ": neither that, nor a process, nor a mount leads to it");
  }

 private:
  bool try_ref(const NetnsRef& ref) {
    auto opened = Netns::open(ref);
    if (!opened) {
      if (!leads_nowhere(opened.error())) doubt_ = opened.error();
      return false;
    }
    if (opened->id() != enrolment_.id || !same_incarnation(*opened)) return false;
    found_ = FoundNetns{ref, std::move(*opened)};
    return true;
  }
  bool same_incarnation(const Netns& netns) {
    if (enrolment_.incarnation.empty()) return true;  // nothing better is known
    const auto now = netns_incarnation(netns.fd());
    if (!now) doubt_ = now.error();
    return now && *now == enrolment_.incarnation;
  }
  bool try_process() {
    const auto pid = find_process_in(enrolment_.id);
    if (!pid) {
      doubt_ = pid.error();
      return false;
    }
    return *pid && try_ref({NetnsRef::Kind::pid, std::to_string(**pid)});
  }
  bool try_mounts() {
    const auto paths = read_mounts(enrolment_.id);
    if (!paths) {
      doubt_ = paths.error();
      return false;
    }
    return std::any_of(paths->begin(), paths->end(), [this](const std::string& path) {
      return try_ref({NetnsRef::Kind::path, path});
    });
  }

  const Enrolment& enrolment_;
  std::optional<FoundNetns> found_;
  std::optional<Error> doubt_;
};

}  // namespace

bool means_a_process(const NetnsRef& ref) {
  return ref.kind == NetnsRef::Kind::pid ||
         (ref.kind == NetnsRef::Kind::path && ref.value.starts_with("/proc/"));
}

std::vector<std::string> mounts_of(NetnsId id, std::string_view mountinfo) {
  const auto device = std::to_string(major(id.device)) + ":" + std::to_string(minor(id.device));
  const auto root = "net:[" + std::to_string(id.inode) + "]";
  std::vector<std::string> paths;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, parent, its_device, its_root, point;
    if (fields >> number >> parent >> its_device >> its_root >> point && its_device == device &&
        its_root == root)
      paths.push_back(unescaped(point));
  }
  return paths;
}

Result<FoundNetns> find_again(const Enrolment& enrolment) { return Search(enrolment).run(); }

Result<bool> is_reachable(const Enrolment& enrolment, const Netns& held) {
  const auto opened = Netns::open(enrolment.netns);
  if (opened && opened->id() == held.id()) return true;
  // A process that may not be looked at can be anybody's by now: the next step sees them all.
  if (!opened && !leads_nowhere(opened.error()) && !means_a_process(enrolment.netns))
    return opened.error();
  const auto inhabited = is_inhabited(held);
  if (!inhabited || *inhabited) return inhabited;
  const auto mounts = read_mounts(held.id());
  if (!mounts) return mounts.error();
  return !mounts->empty();
}

Result<std::optional<pid_t>> find_process_in(NetnsId id) {
  std::string hidden;
  std::optional<pid_t> found;
  const auto looked = any_process([&](const std::string& pid) {
    struct stat info{};
    if (::stat(("/proc/" + pid + "/ns/net").c_str(), &info) != 0) {
      if (errno == EACCES || errno == EPERM) hidden = pid;
      return false;  // else it has ended meanwhile
    }
    if (NetnsId{info.st_dev, info.st_ino} != id) return false;
    std::from_chars(pid.data(), pid.data() + pid.size(), found.emplace());
    return true;
  });
  if (!looked) return looked.error();
  if (!found && !hidden.empty())
    return fail(Errc::permission, "may not see the namespace of process " + hidden +
                                      " and perhaps others: grant CAP_SYS_PTRACE");
  return found;
}

}  // namespace culvert::host
