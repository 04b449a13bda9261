#pragma once

#include <optional>
#include <string_view>

namespace crosslaw::db {

// What is known of a run. The trainer's result.json and the database hold the names, so that users'
// own SQL reads them; code compares the values.
enum class Outcome {
  // Of a run only, for an attempt's outcome is NULL until it ends:
  kPending,  // no attempt yet
  kStarted,  // its last attempt has not ended
  // As the trainer itself reports in result.json:
  kDone,
  kDiverged,  // a result like done: the same recipe would diverge again
  kStopped,   // asked to stop; a checkpoint is published
  kOutOfMemory,
  kRefused,  // a damaged input, or not the device that was promised
  kCrashed,
  // As the scheduler judges an attempt that left no result:
  kKilled,      // by a signal from outside: says nothing against the run
  kHung,        // no heartbeat for too long
  kSlotTaken,   // another program uses the device; of sweeps before version 2 of the schema
  kPreempted,   // the queue took its place for a more urgent job
  kTimeLimit,   // the queue's limit came before the end
  kNodeFailed,  // the machine under it failed, or gave it no device
  kLost,        // neither queue nor process table knows it, and it left no result
  kBadConfig,   // the trainer could not be started or did not understand its config
  // Written later:
  kCheckpointLost,  // it was done, but its final checkpoint is unusable and needed
  kCancelled,       // the spec no longer asks for the run
  kLossesLost,      // it was done, but validation losses of it are damaged or missing
};

std::string_view name_of(Outcome outcome);
// Nothing for a name that is none of them.
std::optional<Outcome> outcome_named(std::string_view name);

// Whether the run has its result and is not tried again.
constexpr bool is_final(Outcome outcome) {
  return outcome == Outcome::kDone || outcome == Outcome::kDiverged;
}

}  // namespace crosslaw::db
