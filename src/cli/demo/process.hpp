// Child processes of the demo: started inside a namespace, their output in a file, ended with it.
#pragma once

#include "culvert/base/result.hpp"

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace culvert::cli::demo {

struct Command {
  std::vector<std::string> words;                  // program first; looked up in PATH
  std::map<std::string, std::string> environment;  // added to our own
  int netns_fd = -1;                               // -1: ours
  std::string output;                              // file for both streams; empty: ours
  bool outlive = false;                            // may go on when the demo has ended
};

// A running child. Dies with this object, and with the process that made it.
class Process {
 public:
  Process() = default;
  static Result<Process> start(const Command& command);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  bool running();
  // Sends SIGTERM and waits; SIGKILL after `limit`. The exit code, 128 + n for signal n.
  int stop(std::chrono::milliseconds limit = std::chrono::seconds(8));
  // Lets go of it: it runs on.
  void release() { pid_ = -1; }
  // Waits for its own end. The exit code as above.
  int wait();

 private:
  pid_t pid_ = -1;
  int status_ = 0;
};

// What a finished command printed (both streams), and its exit code.
struct Finished {
  int exit_code = 0;
  std::string output;
};

// Runs to the end. `input` goes to its standard input.
Result<Finished> run(Command command, const std::string& input = {});

// The whole of a file; empty if there is none.
std::string read_file(const std::string& path);

}  // namespace culvert::cli::demo
