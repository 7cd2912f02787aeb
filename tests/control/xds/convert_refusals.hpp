// What the tests of the conversion share: addresses, and messages that are refused for one field.
#pragma once

#include "culvert/base/result.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace culvert::control::test {

inline const std::string kV4("\xc6\x12\x00\x01", 4);  // 198.18.0.1
inline const std::string kV6("\x20\x01\x00\x02\0\0\0\0\0\0\0\0\0\0\0\x01", 16);

template <class Message>
struct Refusal {
  const char* field;
  std::function<void(Message&)> spoil;
};

// Each case, done to a message that is right otherwise, is refused with the name of its field.
template <class Message, class Convert>
void expect_refusals(const Message& good, const std::vector<Refusal<Message>>& cases,
                     Convert convert) {
  for (const auto& test : cases) {
    auto in = good;
    test.spoil(in);
    const auto out = convert(in);
    ASSERT_TRUE(out.has_error()) << test.field;
    EXPECT_THAT(out.error().detail, ::testing::StartsWith(test.field));
  }
}

}  // namespace culvert::control::test
