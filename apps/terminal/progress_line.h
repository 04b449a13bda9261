#pragma once

#include <chrono>
#include <string>

#include "sweep/schedule/scheduler.h"

namespace crosslaw::apps {

// Shows a sweep's progress on standard error: one line rewritten in place on a terminal, a plain
// line now and then elsewhere. NO_COLOR and TERM=dumb switch the rewriting off.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const sweep::Progress& progress);
  // A message of its own; the progress line comes back below it.
  void say(const std::string& message);

 private:
  void erase();

  bool rewrite_;
  bool shown_ = false;
  int64_t last_finished_ = -1;
  std::chrono::steady_clock::time_point last_;
};

std::string describe(const sweep::Progress& progress);

}  // namespace crosslaw::apps
