// The agent's control socket: one line of JSON there, one line back, on a Unix stream socket that
// only root may open.
#pragma once

#include "culvert/base/result.hpp"
#include "culvert/base/unique_fd.hpp"

#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace culvert::host {

// Answers one request after the other on a thread of its own; the destructor waits for the one
// being answered and removes the socket.
class LineServer {
 public:
  // From the request to the answer; both without the newline.
  using Handler = std::function<std::string(const std::string&)>;
  static Result<std::unique_ptr<LineServer>> start(const std::string& path, Handler handler);
  LineServer(UniqueFd listener, std::string path, Handler handler);
  ~LineServer();
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;

 private:
  void run();
  bool serve_one() const;

  const UniqueFd listener_;
  const UniqueFd stop_;
  const std::string path_;
  const Handler handler_;
  std::thread thread_;  // last member: starts after the rest exists
};

// Connects to `path`, sends `request`, returns the answer. Waits up to a minute.
Result<std::string> ask_line(const std::string& path, const std::string& request);

}  // namespace culvert::host
