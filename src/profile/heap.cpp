#include "culvert/profile/heap.hpp"

#include "profile/document.hpp"
#include "profile/heap_dump.hpp"

#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "culvert/base/file.hpp"
#include "culvert/base/unique_fd.hpp"

// jemalloc's own control (jemalloc(3)); null in programs without it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size,
                                     void* fresh, std::size_t fresh_size);

namespace culvert::profile {

namespace {

bool read_switch(const char* name) {
  bool value = false;
  auto size = sizeof value;
  return mallctl != nullptr && ::mallctl(name, &value, &size, nullptr, 0) == 0 && value;
}

Error unavailable() { return fail(Errc::unavailable, "heap profiling is not enabled"); }

// Memory behind a descriptor: jemalloc writes into a named file, and the file system may be
// read-only.
Result<std::string> dump() {
  const UniqueFd fd(::memfd_create("heap", MFD_CLOEXEC));
  if (!fd) return fail_errno("make a file in memory for the heap dump", errno);
  const auto path = "/proc/self/fd/" + std::to_string(fd.get());
  const char* name = path.c_str();
  if (const int error = ::mallctl("prof.dump", nullptr, nullptr, &name, sizeof name); error != 0)
    return fail_errno("dump the heap", error);
  return read_file(path);
}

}  // namespace

bool heap_available() { return read_switch("opt.prof"); }

bool heap_active() { return read_switch("prof.active"); }

Result<void> activate_heap(bool active) {
  if (!heap_available()) return unavailable();
  if (const int error = ::mallctl("prof.active", nullptr, nullptr, &active, sizeof active);
      error != 0)
    return fail_errno(active ? "activate heap profiling" : "deactivate heap profiling", error);
  return {};
}

Result<std::string> record_heap() {
  if (!heap_available()) return unavailable();
  const auto text = dump();
  if (!text) return text.error();
  const auto parsed = parse_heap_dump(*text);
  if (!parsed) return parsed.error();
  Document document({{"inuse_objects", "count"}, {"inuse_space", "bytes"}});
  document.set_period({"space", "bytes"}, parsed->period);
  for (const auto& stack : parsed->stacks) document.add(stack.frames, {stack.objects, stack.bytes});
  return document.finish();
}

}  // namespace culvert::profile
