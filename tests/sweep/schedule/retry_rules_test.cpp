#include "sweep/schedule/retry_rules.h"

#include "tests/support/catch.h"

namespace crosslaw::sweep {

using db::Outcome;

TEST_CASE("what is not the run's doing is forgiven more often than what is") {
  for (const Outcome outcome : {Outcome::kCrashed, Outcome::kHung, Outcome::kRefused})
    CHECK(retry_rule(outcome, 2).allowed == 2);
  for (const Outcome outcome : {Outcome::kNodeFailed, Outcome::kLost})
    CHECK(retry_rule(outcome, 2).allowed == 5);
  CHECK(retry_rule(Outcome::kOutOfMemory, 2).allowed == 4);
  for (const Outcome outcome : {Outcome::kDone, Outcome::kDiverged, Outcome::kBadConfig})
    CHECK(retry_rule(outcome, 2).allowed == 0);
  CHECK(retry_rule(Outcome::kCrashed, 0).allowed == 0);
}

TEST_CASE("waits double up to a bound, and a salt makes them at most a quarter longer") {
  const RetryRule rule = retry_rule(Outcome::kCrashed, 2);
  CHECK(wait_ms(rule, 1, 0) == 30'000);
  CHECK(wait_ms(rule, 2, 0) == 60'000);
  CHECK(wait_ms(rule, 3, 0) == 120'000);
  CHECK(wait_ms(rule, 60, 0) == 600'000);
  for (uint64_t salt = 0; salt < 3000; salt += 7) {
    CHECK(wait_ms(rule, 1, salt) >= 30'000);
    CHECK(wait_ms(rule, 1, salt) < 37'500);
  }
  CHECK(wait_ms(retry_rule(Outcome::kPreempted, 2), 3, 999) == 0);
}

TEST_CASE("failures are alike but for their numbers, and count once a run") {
  EqualFailures alike;
  CHECK_FALSE(alike.add(1, Outcome::kCrashed, "CUDA error at 0x7f12ab: device 3 lost"));
  CHECK_FALSE(alike.add(1, Outcome::kCrashed, "CUDA error at 0x7f12ac: device 3 lost"));
  CHECK_FALSE(alike.add(2, Outcome::kCrashed, "CUDA error at 0x99: device 0 lost"));
  CHECK_FALSE(alike.add(3, Outcome::kHung, "CUDA error at 0x99: device 0 lost"));
  CHECK_FALSE(alike.add(4, Outcome::kCrashed, "CUDA error at 0x99: device 0 is busy"));
  CHECK(alike.add(5, Outcome::kCrashed, "CUDA error at 0xabc1: device 12 lost"));
  alike.clear();
  CHECK_FALSE(alike.add(6, Outcome::kCrashed, "CUDA error at 0xabc1: device 12 lost"));
  for (int64_t run = 0; run < 9; ++run) CHECK_FALSE(alike.add(run, Outcome::kCrashed, ""));
}

TEST_CASE("of a log the last line is told that is no stack frame") {
  CHECK(reason_in_log("") == "");
  CHECK(reason_in_log("one\ntwo\n\n") == "two");
  CHECK(reason_in_log("no end of line") == "no end of line");
  CHECK(reason_in_log("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to "
                      "allocate 99 bytes.\nException raised from alloc\nframe #0: c10::Error "
                      "(0x7f in libc10.so)\nframe #24: main\n") ==
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 "
        "bytes.");
  CHECK(tells_of_memory("DefaultCPUAllocator: can't allocate memory: you tried"));
  CHECK(tells_of_memory("terminate called after throwing an instance of 'std::bad_alloc'"));
  CHECK_FALSE(tells_of_memory("no such file"));
}

}  // namespace crosslaw::sweep
