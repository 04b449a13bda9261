#include "db/files/outcome.h"

#include <map>
#include <string>

#include "tests/support/catch.h"

namespace crosslaw::db {

// Users' SQL and older sweep folders hold these names.
TEST_CASE("every outcome has the name that databases hold, and is found by it") {
  const std::map<std::string, Outcome> names = {{"pending", Outcome::kPending},
                                                {"started", Outcome::kStarted},
                                                {"done", Outcome::kDone},
                                                {"diverged", Outcome::kDiverged},
                                                {"stopped", Outcome::kStopped},
                                                {"out_of_memory", Outcome::kOutOfMemory},
                                                {"refused", Outcome::kRefused},
                                                {"crashed", Outcome::kCrashed},
                                                {"killed", Outcome::kKilled},
                                                {"hung", Outcome::kHung},
                                                {"slot_taken", Outcome::kSlotTaken},
                                                {"checkpoint_lost", Outcome::kCheckpointLost},
                                                {"cancelled", Outcome::kCancelled},
                                                {"losses_lost", Outcome::kLossesLost}};
  for (const auto& [name, outcome] : names) {
    CHECK(name_of(outcome) == name);
    CHECK(outcome_named(name) == outcome);
    CHECK(is_final(outcome) == (name == "done" || name == "diverged"));
  }
  CHECK_FALSE(outcome_named("Done").has_value());
  CHECK_FALSE(outcome_named("").has_value());
}

}  // namespace crosslaw::db
