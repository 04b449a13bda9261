#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace crosslaw::sweep {

struct ProgramEnd {
  int code = 0;  // 128 + signal when a signal ended it, 127 when it was not found
  bool timed_out = false;
  std::string output, errors;

  bool good() const { return code == 0 && !timed_out; }
  std::string complaint() const;  // the last line that it wrote to stderr, or its code
};

// A program called with a list of arguments, without a shell: no argument is ever read as anything
// but an argument. Its input is empty. The program runs beside us until it ends or is given up.
class ProgramCall {
 public:
  // Throws std::runtime_error when no process can be made; a program that is not found ends with
  // code 127.
  ProgramCall(const std::vector<std::string>& arguments, std::chrono::milliseconds limit);
  ~ProgramCall();
  ProgramCall(const ProgramCall&) = delete;
  ProgramCall& operator=(const ProgramCall&) = delete;

  // Its end, as soon as it is there; waits for at most `patience`.
  std::optional<ProgramEnd> wait(std::chrono::milliseconds patience);

 private:
  void read_what_is_there();

  pid_t pid_ = -1;
  int output_ = -1, errors_ = -1;
  std::chrono::steady_clock::time_point deadline_;
  ProgramEnd end_;
};

ProgramEnd run_program(const std::vector<std::string>& arguments, std::chrono::milliseconds limit);

}  // namespace crosslaw::sweep
