#include "metrics/process.hpp"

#include "culvert/base/log.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace culvert::metrics {

namespace {

std::vector<Sample> one(double value) { return {Sample{{}, value}}; }

// How many entries a directory of /proc has, or -1.
long count_entries(const char* path) {
  DIR* directory = ::opendir(path);
  if (directory == nullptr) return -1;
  long count = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(directory);
  return count;
}

std::vector<Sample> open_fds() {
  const auto count = count_entries("/proc/self/fd");
  if (count < 0) return {};
  return one(static_cast<double>(count - 1));  // without the directory that was just read
}

std::vector<Sample> max_fds() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  return one(static_cast<double>(limit.rlim_cur));
}

std::vector<Sample> resident_memory() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return {};
  long total = 0;
  long resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  if (read != 2) return {};
  return one(static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

std::vector<Sample> cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return {};
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return one(seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

std::vector<Sample> threads() {
  const auto count = count_entries("/proc/self/task");
  if (count < 0) return {};
  return one(static_cast<double>(count));
}

}  // namespace

void register_process_metrics(Registry& registry) {
  const auto gauge = FamilyType::gauge;
  const auto counter = FamilyType::counter;
  // The first two have no full stop: that is how they are named elsewhere, too.
  registry.collected({"process_open_fds", "Number of open file descriptors", gauge}, open_fds);
  registry.collected({"process_max_fds", "Maximum number of file descriptors", gauge}, max_fds);
  registry.collected(
      {"culvert_resident_memory_bytes", "Resident memory of the process.", gauge, {}, "bytes"},
      resident_memory);
  registry.collected(
      {"culvert_cpu_seconds", "User and system CPU time of the process.", counter, {}, "seconds"},
      cpu_seconds);
  registry.collected({"culvert_threads", "Threads of the process.", gauge}, threads);
  registry.collected(
      {"culvert_log_dropped", "Log lines dropped because the reader was too slow.", counter},
      [] { return one(static_cast<double>(log::dropped())); });
}

}  // namespace culvert::metrics
