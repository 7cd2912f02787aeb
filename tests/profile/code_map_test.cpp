#include "profile/code_map.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace culvert::profile {

[[gnu::noinline]] int a_function_of_the_test() { return std::rand(); }

namespace {

TEST(CodeMap, KnowsOurOwnFunctionsAndTheFileTheyAreIn) {
  const CodeMap map;
  const auto place = map.find(reinterpret_cast<std::uintptr_t>(&a_function_of_the_test) + 1);
  ASSERT_TRUE(place.has_value());
  EXPECT_NE(place->symbol.find("a_function_of_the_test"), std::string::npos) << place->symbol;
  const auto& mapping = map.mappings().at(place->mapping);
  EXPECT_NE(mapping.file.find("culvert_profile_test"), std::string::npos) << mapping.file;
  EXPECT_TRUE(mapping.symbols->whole());
  EXPECT_GE(mapping.build_id.size(), 16U);
  EXPECT_EQ(mapping.build_id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(CodeMap, KnowsWhatLibrariesExport) {
  const CodeMap map;
  const auto place = map.find(reinterpret_cast<std::uintptr_t>(&std::abort) + 1);
  ASSERT_TRUE(place.has_value());
  EXPECT_NE(map.mappings().at(place->mapping).file.find("libc"), std::string::npos);
  EXPECT_NE(place->symbol.find("abort"), std::string::npos) << place->symbol;
}

TEST(CodeMap, NoCodeNoPlace) {
  const int on_the_stack = 0;
  const CodeMap map;
  EXPECT_FALSE(map.find(reinterpret_cast<std::uintptr_t>(&on_the_stack)).has_value());
  EXPECT_FALSE(map.find(0).has_value());
}

TEST(Symbols, OfWhatIsNoProgramThereAreNone) {
  EXPECT_EQ(Symbols("/proc/self/status").find(0), "");
  EXPECT_EQ(Symbols("/nowhere").find(0), "");
  const auto path = testing::TempDir() + "cut_short";
  std::ifstream whole("/proc/self/exe", std::ios::binary);
  std::string head(200, '\0');
  whole.read(head.data(), static_cast<std::streamsize>(head.size()));
  std::ofstream(path, std::ios::binary) << head;
  EXPECT_EQ(Symbols(path).find(0x1000), "");
}

}  // namespace
}  // namespace culvert::profile
