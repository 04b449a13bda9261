#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "sweep/schedule/scheduler.h"

namespace crosslaw::apps {

// Looks at a sweep's progress: writes it where `crosslaw status` reads it, and tells a program of
// the user when runs fail or nothing moves. The program is started as PROGRAM EVENT SENTENCE,
// without a shell and without being waited for; EVENT is end, failure or stall.
class SweepWatcher {
 public:
  using Clock = std::chrono::steady_clock;

  // An empty program: nobody is told.
  SweepWatcher(std::filesystem::path folder, std::string program);
  // Waits a few seconds for programs that still run.
  ~SweepWatcher();
  SweepWatcher(const SweepWatcher&) = delete;
  SweepWatcher& operator=(const SweepWatcher&) = delete;

  void look(const sweep::Progress& progress, Clock::time_point now = Clock::now());
  // All runs have ended: what was trained is fitted and reported.
  void conclude(const sweep::Progress& progress);
  void tell(const std::string& event, const std::string& sentence);

 private:
  void reap(bool wait);

  std::filesystem::path folder_;
  std::string program_;
  std::vector<pid_t> told_;  // programs that were started
  Clock::time_point written_, moved_;
  std::int64_t failed_ = -1;  // runs, when last looked; -1: not yet
  double share_ = -1;
  bool stalled_ = false;
};

}  // namespace crosslaw::apps
