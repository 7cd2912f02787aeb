#include "cli/demo/process.hpp"

#include "cli/demo/interrupt.hpp"
#include "culvert/base/unique_fd.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

namespace culvert::cli::demo {
namespace {

using Strings = std::vector<std::string>;

std::vector<char*> pointers(const Strings& strings) {
  std::vector<char*> all;
  for (const auto& string : strings) all.push_back(const_cast<char*>(string.c_str()));
  all.push_back(nullptr);
  return all;
}

Strings environment_with(const std::map<std::string, std::string>& added) {
  Strings all;
  for (char** it = environ; *it != nullptr; ++it) {
    const std::string entry = *it;
    if (added.count(entry.substr(0, entry.find('='))) == 0) all.push_back(entry);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

struct Prepared {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int netns = -1;
  int input = -1;
  int output = -1;
  bool outlive = false;
};

// Between fork and exec: only calls that are safe there.
[[noreturn]] void become(const Prepared& prepared) {
  ::setpgid(0, 0);  // Ctrl-C is for the demo, which ends its children in order
  if (!prepared.outlive) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  end_by_interrupts();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (prepared.netns >= 0 && ::setns(prepared.netns, CLONE_NEWNET) != 0) ::_exit(126);
  if (prepared.input >= 0) ::dup2(prepared.input, 0);
  if (prepared.output >= 0) {
    ::dup2(prepared.output, 1);
    ::dup2(prepared.output, 2);
  }
  ::execvpe(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
  ::_exit(127);
}

Result<pid_t> spawn(const Command& command, int input, int output) {
  const auto environment = environment_with(command.environment);
  const Prepared prepared{
      pointers(command.words), pointers(environment), command.netns_fd, input, output,
      command.outlive};
  // A signal that comes before the child is what it is going to be must wait: our own handler, in
  // the copy of us, would swallow it.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  const int error = errno;
  if (pid == 0) become(prepared);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail_errno("fork", error);
  return pid;
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

UniqueFd memory_file() { return UniqueFd(::memfd_create("demo", MFD_CLOEXEC)); }

std::string content(int fd) {
  std::string text;
  char part[4096];
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t n = 0; (n = ::read(fd, part, sizeof(part))) > 0;)
    text.append(part, static_cast<std::size_t>(n));
  return text;
}

}  // namespace

Result<Process> Process::start(const Command& command) {
  UniqueFd output;
  if (!command.output.empty()) {
    output.reset(::open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!output) return fail_errno(command.output, errno);
  }
  const auto pid = spawn(command, -1, output.get());
  if (!pid) return pid.error();
  Process process;
  process.pid_ = *pid;
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  stop();
  pid_ = std::exchange(other.pid_, -1);
  status_ = other.status_;
  return *this;
}

Process::~Process() { stop(); }

bool Process::running() {
  if (pid_ <= 0) return false;
  if (::waitpid(pid_, &status_, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

int Process::wait() {
  if (pid_ > 0)
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
  pid_ = -1;
  return exit_code(status_);
}

int Process::stop(std::chrono::milliseconds limit) {
  if (!running()) return exit_code(status_);
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (running() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  if (running()) ::kill(pid_, SIGKILL);
  return wait();
}

Result<Finished> run(Command command, const std::string& input) {
  const auto in = memory_file();
  const auto out = memory_file();
  if (!in || !out) return fail_errno("memfd_create", errno);
  if (::write(in.get(), input.data(), input.size()) < 0) return fail_errno("write", errno);
  ::lseek(in.get(), 0, SEEK_SET);
  const auto pid = spawn(command, in.get(), out.get());
  if (!pid) return pid.error();
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  Finished finished{exit_code(status), content(out.get())};
  if (finished.exit_code == 127 && finished.output.empty())
    return fail(Errc::not_found, "there is no program " + command.words[0]);
  return finished;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace culvert::cli::demo
