// A directory that exists for one test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace culvert::testing {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "culvert-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes in place, over what is there.
  std::filesystem::path write(std::string_view name, std::string_view content) const {
    const auto file = path_ / name;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    return file;
  }
  // The same for a file that everybody may read.
  std::filesystem::path write_open(std::string_view name, std::string_view content) const {
    const auto file = write(name, content);
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    return file;
  }
  // The same for a file that only its owner may read.
  std::filesystem::path write_secret(std::string_view name, std::string_view content) const {
    const auto file = write(name, content);
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    return file;
  }
  // Writes beside it and renames, as editors do.
  std::filesystem::path replace(std::string_view name, std::string_view content) const {
    return rename(write(std::string(name) + ".partial", content), name);
  }
  std::filesystem::path rename(const std::filesystem::path& from, std::string_view name) const {
    std::filesystem::rename(from, path_ / name);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace culvert::testing
