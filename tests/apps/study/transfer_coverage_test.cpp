// The short version of scripts/transfer_coverage.sh.
#include "tests/apps/study/counted_transfers.h"
#include "tests/support/catch.h"

using namespace crosslaw::tests;

TEST_CASE("Intervals of savings, growth and replay hold what was planted") {
  TransferWorld world;
  world.every = 8;
  world.replay = {0, 0.05, 0.2};
  constexpr int kSweeps = 8;
  int held = 0, made = 0;
  for (const CountedInterval& each : count_transfers(world, kSweeps, 100)) {
    INFO(each.quantity << ": " << each.held << " of " << each.made);
    CHECK(each.made + each.missing >= kSweeps / 2);
    // Of eight at 95 % fewer than five are one in 2,500.
    if (each.made == kSweeps) CHECK(each.held >= 5);
    held += each.held, made += each.made;
  }
  CHECK(held > 0.88 * made);
}
