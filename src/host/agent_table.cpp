#include "host/agent_table.hpp"

#include "host/agent_json.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace culvert::host {
namespace {

std::string file_in(const std::string& directory) { return directory + "/enrolments.json"; }

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0) return fail_errno("write", errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return fail_errno("fsync", errno);
  return {};
}

}  // namespace

Result<AgentTable> AgentTable::open(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail_errno("make " + directory, error.value());
  ::chmod(directory.c_str(), S_IRWXU);
  AgentTable table;
  table.directory_ = directory;
  const auto lock = directory + "/lock";
  table.lock_.reset(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!table.lock_) return fail_errno("open " + lock, errno);
  if (::flock(table.lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::invalid, "another agent uses " + directory);
  return table;
}

Result<std::vector<Enrolment>> AgentTable::load() const {
  const auto path = file_in(directory_);
  std::ifstream file(path);
  if (!file) {
    if (!std::filesystem::exists(path)) return std::vector<Enrolment>{};
    return fail(Errc::io, "cannot read " + path);
  }
  std::ostringstream text;
  text << file.rdbuf();
  auto table = decode_table(text.str());
  if (!table)
    return fail(Errc::invalid,
                path + ": " + table.error().detail + "; repair it, or remove it and enroll again");
  return table;
}

Result<void> AgentTable::save(const std::vector<Enrolment>& table) const {
  const auto path = file_in(directory_);
  const auto fresh = path + ".new";
  const UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return fail_errno("open " + fresh, errno);
  if (auto written = write_all(file.get(), encode_table(table)); !written)
    return written.error().with(fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno("rename " + fresh, errno);
  const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return fail_errno("fsync " + directory_, errno);
  return {};
}

}  // namespace culvert::host
