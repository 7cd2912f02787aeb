#include "culvert/base/memory.hpp"

#include "culvert/base/log.hpp"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>

namespace culvert {

namespace {

const log::Target kLog("memory");

// Whether the loader has written into the object's code: such pages are private copies, and nothing
// could bring them back.
bool has_text_relocations(const dl_phdr_info& object, const ElfW(Phdr) & dynamic) {
  // The loader tells addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + dynamic.p_vaddr);
  for (; entry->d_tag != DT_NULL; ++entry) {
    if (entry->d_tag == DT_TEXTREL) return true;
    if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return true;
  }
  return false;
}

void release_segment(std::uintptr_t begin, std::uintptr_t end) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  begin = (begin + page - 1) / page * page;  // whole pages: the edges may be a neighbour's
  end = end / page * page;
  if (begin >= end) return;
  // A kernel that refuses keeps the pages; nothing is lost.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

// Called for each loaded object, with the loader's lock held: it cannot be unmapped meanwhile, and
// nothing else can come to lie where it is.
int release_object(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
  const std::span headers(object->dlpi_phdr, object->dlpi_phnum);
  for (const auto& header : headers) {
    if (header.p_type == PT_DYNAMIC && has_text_relocations(*object, header)) return 0;
  }
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = object->dlpi_addr + header.p_vaddr;
    release_segment(begin, begin + header.p_memsz);
  }
  return 0;
}

}  // namespace

void protect_memory() {
  if (::prctl(PR_SET_DUMPABLE, 0) == 0) return;
  log::warn(kLog, "cannot switch core dumps off",
            {log::str("error", fail_errno("PR_SET_DUMPABLE", errno).detail)});
}

void release_startup_pages() {
  ::dl_iterate_phdr(release_object, nullptr);
  ::malloc_trim(0);
}

}  // namespace culvert
