#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "db/files/outcome.h"

namespace crosslaw::sweep {

// How often a run may end in one way, without having got a step further in between, until it is
// given up, and how long it waits before the next try.
struct RetryRule {
  int64_t allowed = 0;
  int64_t first_wait_ms = 0;  // doubles with each failure in a row
};

// `crashes_allowed` is the spec's launch.retries.
RetryRule retry_rule(db::Outcome outcome, int64_t crashes_allowed);

// The wait before the try after the `times`-th failure in a row; up to a quarter longer by `salt`,
// so that runs that failed together do not come back together.
int64_t wait_ms(const RetryRule& rule, int64_t times, uint64_t salt);

// The failures of one run since it last got further.
class FailureCount {
 public:
  // Counts an end and returns how often the run has now ended in this way.
  int64_t add(db::Outcome outcome) { return ++counts_[outcome]; }
  void got_further() { counts_.clear(); }

 private:
  std::map<db::Outcome, int64_t> counts_;
};

// Finds what fails alike in run after run: a full disk, a broken library, a wrong driver. Failures
// are alike when outcome and message agree but for numbers and hexadecimal names.
class EqualFailures {
 public:
  // True when so many different runs failed alike that the next would, too.
  bool add(int64_t run_id, db::Outcome outcome, std::string_view message);
  // Some run got further: it is not the machine.
  void clear() { runs_.clear(); }

 private:
  std::map<std::string, std::set<int64_t>> runs_;
};

// Of a log's text, the line that tells why its program ended: the last one that is no stack frame.
std::string reason_in_log(std::string_view text);
// Whether such a line speaks of memory that could not be had.
bool tells_of_memory(std::string_view reason);

}  // namespace crosslaw::sweep
