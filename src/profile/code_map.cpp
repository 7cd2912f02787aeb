#include "profile/code_map.hpp"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <span>

namespace culvert::profile {

namespace {

// The note that names the build, out of a segment of notes; empty when there is none. As the loader
// keeps them: name size, description size, type, then both padded to four bytes (elf(5)).
std::string build_id_in(std::span<const std::uint8_t> notes) {
  const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof note);
    const auto name = sizeof note;
    const auto description = name + padded(note.n_namesz);
    const auto end = description + padded(note.n_descsz);
    if (end > notes.size()) return {};
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(notes.data() + name, "GNU", 4) == 0) {
      std::string text;
      for (const auto byte : notes.subspan(description, note.n_descsz)) {
        std::array<char, 3> hex;
        std::snprintf(hex.data(), hex.size(), "%02x", byte);
        text += hex.data();
      }
      return text;
    }
    notes = notes.subspan(end);
  }
  return {};
}

std::string own_program() {
  std::array<char, 4096> path;
  const auto size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

// Called for each loaded object, with the loader's lock held.
int add_object(dl_phdr_info* object, std::size_t /*size*/, void* data) {
  auto& mappings = *static_cast<std::vector<CodeMapping>*>(data);
  const std::span headers(object->dlpi_phdr, object->dlpi_phnum);
  std::string build_id;
  for (const auto& header : headers) {
    if (header.p_type != PT_NOTE || !build_id.empty()) continue;
    // The loader tells addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
    const auto* notes = reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + header.p_vaddr);
    build_id = build_id_in({notes, header.p_memsz});
  }
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    CodeMapping mapping;
    mapping.bias = object->dlpi_addr;
    mapping.start = object->dlpi_addr + header.p_vaddr;
    mapping.end = mapping.start + header.p_memsz;
    mapping.offset = header.p_offset;
    mapping.file = mappings.empty() ? own_program() : object->dlpi_name;  // the program comes first
    mapping.build_id = build_id;
    mappings.push_back(std::move(mapping));
  }
  return 0;
}

}  // namespace

CodeMap::CodeMap() {
  ::dl_iterate_phdr(add_object, &mappings_);
  for (auto& mapping : mappings_) mapping.symbols = std::make_shared<Symbols>(mapping.file);
}

std::optional<CodeMap::Place> CodeMap::find(std::uintptr_t address) const {
  for (std::size_t i = 0; i < mappings_.size(); ++i) {
    const auto& mapping = mappings_[i];
    if (address < mapping.start || address >= mapping.end) continue;
    return Place{i, mapping.symbols->find(address - mapping.bias)};
  }
  return std::nullopt;
}

}  // namespace culvert::profile
