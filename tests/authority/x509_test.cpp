// PEM from outside never makes the program ask a person for something.
#include "authority/x509.hpp"

#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace culvert::authority {
namespace {

constexpr int kPatienceMs = 10'000;

// A block of this kind whose header says that its content is encrypted.
std::string encrypted(const std::string& kind) {
  return "-----BEGIN " + kind + "-----\nProc-Type: 4,ENCRYPTED\n" +
         "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n" +
         "AAAAAAAAAAAAAAAAAAAAAA==\n-----END " + kind + "-----\n";
}

// Runs `work` in a child whose controlling terminal is a new one on which nobody types. Whether it
// came back at all, and with true.
bool ends_well_at_a_terminal(const std::function<bool()>& work) {
  const UniqueFd keyboard(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!keyboard || ::grantpt(keyboard.get()) != 0 || ::unlockpt(keyboard.get()) != 0) return false;
  const std::string terminal = ::ptsname(keyboard.get());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    const bool at_terminal =
        ::open(terminal.c_str(), O_RDWR) >= 0 &&  // becomes the controlling one
        UniqueFd(::open("/dev/tty", O_RDWR));
    ::_exit(at_terminal && work() ? 0 : 1);
  }
  const UniqueFd child(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{child.get(), POLLIN, 0};
  if (::poll(&ended, 1, kPatienceMs) != 1) ::kill(pid, SIGKILL);
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Pem, NobodyIsAskedForThePassphraseOfARequest) {
  EXPECT_TRUE(ends_well_at_a_terminal(
      [] { return !read_signing_request(encrypted("CERTIFICATE REQUEST")); }));
}

TEST(Pem, NobodyIsAskedForThePassphraseOfACertificateOrKey) {
  EXPECT_TRUE(ends_well_at_a_terminal([] { return !cert_from_pem(encrypted("CERTIFICATE")); }));
  EXPECT_TRUE(ends_well_at_a_terminal([] { return !key_from_pem(encrypted("EC PRIVATE KEY")); }));
}

}  // namespace
}  // namespace culvert::authority
