#include "profile/symbols.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "culvert/base/unique_fd.hpp"

namespace culvert::profile {

namespace {

// A copy of the record at `offset`; nothing when the file ends before it does.
template <class T>
std::optional<T> record_at(std::string_view file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T record;
  std::memcpy(&record, file.data() + offset, sizeof record);
  return record;
}

std::string_view part(std::string_view file, std::uint64_t offset, std::uint64_t size) {
  if (offset > file.size() || file.size() - offset < size) return {};
  return file.substr(offset, size);
}

}  // namespace

Symbols::Symbols(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_size <= 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return;
  read({static_cast<const char*>(mapped), size});
  ::munmap(mapped, size);
}

void Symbols::read(std::string_view file) {
  const auto header = record_at<ElfW(Ehdr)>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
  const auto section = [&](std::uint64_t index) {
    return record_at<ElfW(Shdr)>(file, header->e_shoff + index * sizeof(ElfW(Shdr)));
  };
  std::optional<ElfW(Shdr)> table;
  for (std::uint64_t i = 0; i < header->e_shnum && !whole_; ++i) {
    const auto one = section(i);
    if (!one || (one->sh_type != SHT_SYMTAB && one->sh_type != SHT_DYNSYM)) continue;
    table = one;
    whole_ = one->sh_type == SHT_SYMTAB;
  }
  if (!table) return;
  const auto names = section(table->sh_link);
  if (!names) return;
  add_table(file, table->sh_offset, table->sh_size, part(file, names->sh_offset, names->sh_size));
}

void Symbols::add_table(std::string_view file, std::uint64_t offset, std::uint64_t size,
                        std::string_view names) {
  for (std::uint64_t at = 0; at + sizeof(ElfW(Sym)) <= size; at += sizeof(ElfW(Sym))) {
    const auto symbol = record_at<ElfW(Sym)>(file, offset + at);
    if (!symbol) break;
    const auto type = ELF64_ST_TYPE(symbol->st_info);
    const bool function = type == STT_FUNC || type == STT_GNU_IFUNC;
    if (!function || symbol->st_shndx == SHN_UNDEF || symbol->st_name >= names.size()) continue;
    const auto rest = names.substr(symbol->st_name);
    functions_.push_back(
        {symbol->st_value, symbol->st_size, static_cast<std::uint32_t>(names_.size())});
    names_.append(rest.substr(0, rest.find('\0'))).push_back('\0');
  }
  std::sort(functions_.begin(), functions_.end(),
            [](const Function& a, const Function& b) { return a.start < b.start; });
}

std::string Symbols::find(std::uint64_t address) const {
  auto after = std::upper_bound(functions_.begin(), functions_.end(), address,
                                [](std::uint64_t a, const Function& f) { return a < f.start; });
  if (after == functions_.begin()) return {};
  const Function& function = *--after;
  if (address - function.start >= std::max<std::uint64_t>(function.size, 1)) return {};
  return names_.c_str() + function.name;
}

}  // namespace culvert::profile
