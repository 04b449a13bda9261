#pragma once

#include <map>

#include "sweep/launch/run_launcher.h"
#include "sweep/launch/trainer_nest.h"

namespace crosslaw::sweep {

// Trainer processes on this machine, each in a session of its own, so that Ctrl-C at the terminal
// does not reach them. A GPU is held by a lock file that the process inherits: it is free exactly
// when no process uses it, even if this program was killed in between.
class LocalLauncher : public RunLauncher {
 public:
  explicit LocalLauncher(const std::filesystem::path& program)
      : program_(program), nest_(program) {}
  ~LocalLauncher() override;

  std::optional<ProcessIdentity> start(const LaunchRequest& request) override;
  std::optional<ProcessIdentity> adopt(int64_t attempt_id,
                                       const std::filesystem::path& config_file) override;
  std::vector<ProcessExit> wait(std::chrono::milliseconds patience) override;
  void stop(int64_t attempt_id, bool at_once) override;

 private:
  struct Process {
    int64_t pid = 0;
    int descriptor = -1;  // a pidfd: readable when the process has ended
    bool child = false;   // adopted processes are not ours to reap
  };
  std::filesystem::path program_;
  TrainerNest nest_;  // of CPU runs: those on GPUs are long, and load their libraries themselves
  std::map<int64_t, Process> processes_;  // by attempt
};

// crosslaw-train, beside this program. Throws std::runtime_error when it is not there.
std::filesystem::path trainer_program();

// The running process that was started with `argument`, if there is one.
std::optional<ProcessIdentity> find_process_with_argument(const std::string& argument);

}  // namespace crosslaw::sweep
