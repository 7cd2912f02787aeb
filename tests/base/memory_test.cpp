#include "culvert/base/memory.hpp"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <span>

namespace culvert {
namespace {

// Resident pages of files, from /proc/self/statm.
long file_pages() {
  std::ifstream statm("/proc/self/statm");
  long size = 0;
  long resident = 0;
  long shared = 0;
  statm >> size >> resident >> shared;
  return shared;
}

TEST(Memory, ProtectionKeepsDumpsAndReadersOut) {
  const pid_t child = ::fork();
  if (child == 0) {
    protect_memory();
    ::_exit(::prctl(PR_GET_DUMPABLE));
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Maps every page that the loader has of files, as much as start-up could ever touch.
void touch_loaded_pages() {
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void*) {
        const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        for (const auto& header : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
          if (header.p_type != PT_LOAD || (header.p_flags & (PF_W | PF_R)) != PF_R) continue;
          const std::uintptr_t begin = (object->dlpi_addr + header.p_vaddr) / page * page;
          const std::uintptr_t end = object->dlpi_addr + header.p_vaddr + header.p_filesz;
          ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
        }
        return 0;
      },
      nullptr);
}

TEST(Memory, PagesOfStartUpAreGivenBack) {
  touch_loaded_pages();
  const auto before = file_pages();
  release_startup_pages();
  EXPECT_LT(file_pages(), before * 2 / 3);
}

// Whether the page at `address` has memory behind it (Documentation/admin-guide/mm/pagemap.rst).
bool is_present(const void* address) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t entry = 0;
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  const auto offset = reinterpret_cast<std::uintptr_t>(address) / page * sizeof entry;
  const auto n = ::pread(pagemap, &entry, sizeof entry, static_cast<off_t>(offset));
  ::close(pagemap);
  return n == sizeof entry && (entry >> 63) != 0;
}

// What is not the loader's can be unmapped at any moment, and another thread's memory lie there
// when its turn comes: files that somebody has mapped are left alone.
TEST(Memory, OnlyLoadedObjectsAreGivenBack) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  void* const mapped = ::mmap(nullptr, page, PROT_READ, MAP_PRIVATE, file, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  static_cast<void>(*static_cast<volatile char*>(mapped));
  ASSERT_TRUE(is_present(mapped));
  release_startup_pages();
  EXPECT_TRUE(is_present(mapped));
  ::munmap(mapped, page);
  ::close(file);
}

}  // namespace
}  // namespace culvert
