#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "sweep/launch/run_launcher.h"

namespace crosslaw::sweep {

// A trainer that has loaded its libraries and forks a process for each attempt on the CPU
// (trainer/recipe/nest.h), which saves half a second a run. It is started with the first attempt
// and ends with this object; its attempts go on. Makes this process a subreaper, so that they are
// its children and waitpid() tells how they ended.
class TrainerNest {
 public:
  explicit TrainerNest(std::filesystem::path program) : program_(std::move(program)) {}
  ~TrainerNest();
  TrainerNest(const TrainerNest&) = delete;
  TrainerNest& operator=(const TrainerNest&) = delete;

  // The new process; nothing when the program makes no nest or the nest has died, after which it
  // is not asked again: the caller starts the program itself.
  // The process waits for let_go(); should we end before, it ends, too, and has done nothing.
  std::optional<pid_t> start(const LaunchRequest& request, const std::vector<int>& cpus);
  void let_go();
  // It is not asked again, and what waits for let_go() ends.
  void close();

 private:
  void open();
  std::optional<std::string> receive();

  std::filesystem::path program_;
  int socket_ = -1;
  pid_t nest_ = -1;
  bool given_up_ = false;
};

}  // namespace crosslaw::sweep
