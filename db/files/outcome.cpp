#include "db/files/outcome.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace crosslaw::db {
namespace {

// Stored for good: a name may be added, none may change.
constexpr std::array<std::pair<Outcome, std::string_view>, 19> kNames = {{
    {Outcome::kPending, "pending"},
    {Outcome::kStarted, "started"},
    {Outcome::kDone, "done"},
    {Outcome::kDiverged, "diverged"},
    {Outcome::kStopped, "stopped"},
    {Outcome::kOutOfMemory, "out_of_memory"},
    {Outcome::kRefused, "refused"},
    {Outcome::kCrashed, "crashed"},
    {Outcome::kKilled, "killed"},
    {Outcome::kHung, "hung"},
    {Outcome::kSlotTaken, "slot_taken"},
    {Outcome::kPreempted, "preempted"},
    {Outcome::kTimeLimit, "time_limit"},
    {Outcome::kNodeFailed, "node_failed"},
    {Outcome::kLost, "lost"},
    {Outcome::kBadConfig, "bad_config"},
    {Outcome::kCheckpointLost, "checkpoint_lost"},
    {Outcome::kCancelled, "cancelled"},
    {Outcome::kLossesLost, "losses_lost"},
}};

}  // namespace

std::string_view name_of(Outcome outcome) {
  for (const auto& [value, name] : kNames) {
    if (value == outcome) return name;
  }
  throw std::logic_error("an outcome without a name");
}

std::optional<Outcome> outcome_named(std::string_view name) {
  for (const auto& [value, known] : kNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace crosslaw::db
