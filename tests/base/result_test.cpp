#include "culvert/base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace culvert {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Errc::invalid, "odd");
  return n / 2;
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(*half(4), 2);
  const auto bad = half(3);
  ASSERT_TRUE(bad.has_error());
  EXPECT_EQ(bad.error().code, Errc::invalid);
  EXPECT_EQ(bad.error().with("reading size").detail, "reading size: odd");
}

TEST(Result, SystemErrorsKeepTheirKind) {
  EXPECT_EQ(fail_errno("bind", EADDRINUSE).code, Errc::io);
  EXPECT_EQ(fail_errno("setns", EPERM).code, Errc::permission);
  EXPECT_EQ(fail_errno("open", EACCES).code, Errc::permission);
  EXPECT_EQ(fail_errno("connect", ETIMEDOUT).code, Errc::timed_out);
  EXPECT_EQ(fail_errno("connect", ECONNREFUSED).code, Errc::refused);
  EXPECT_EQ(fail_errno("read", ECONNRESET).code, Errc::reset);
  EXPECT_EQ(fail_errno("bind", EADDRINUSE).detail, "bind: Address already in use");
}

TEST(ResultDeathTest, TheValueOfAnErrorIsOurOwnBug) {
  EXPECT_DEATH(static_cast<void>(half(3).value()), "odd");
}

TEST(Errc, EveryCodeHasItsName) {
  EXPECT_EQ(to_string(Errc::invalid), "invalid");
  EXPECT_EQ(to_string(Errc::permission), "permission");
}

}  // namespace
}  // namespace culvert
