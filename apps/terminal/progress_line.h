#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

namespace crosslaw::apps {

// How far a long task is, below what it says: one line rewritten in place on a terminal, a plain
// line now and then elsewhere. NO_COLOR and TERM=dumb switch the rewriting off.
class ProgressLine {
 public:
  // Standard error where `out` is std::cerr: only there can a line be rewritten.
  explicit ProgressLine(std::ostream& out);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `done` counts what is finished: where lines cannot be rewritten, only news is worth one. `text`
  // is asked for when a line is due.
  void show(std::int64_t done, const std::function<std::string()>& text);
  // A message of its own; the progress line comes back below it.
  void say(const std::string& message);

 private:
  void erase();

  std::ostream& out_;
  bool rewrite_;
  bool shown_ = false;
  std::int64_t last_done_ = -1;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace crosslaw::apps
