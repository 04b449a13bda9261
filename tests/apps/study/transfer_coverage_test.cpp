// The short version of scripts/transfer_coverage.sh.
#include <cmath>

#include "tests/apps/study/counted_transfers.h"
#include "tests/support/catch.h"

using namespace crosslaw::tests;

namespace {

// So many of `made` intervals that each hold with 95 % probability hold at least, but for one set
// in 10,000.
int least_held(int made) {
  constexpr double kChance = 0.95, kRare = 1e-4;
  double below = 0;
  for (int held = 0; held <= made; ++held) {
    below += std::exp(std::lgamma(made + 1) - std::lgamma(held + 1) - std::lgamma(made - held + 1) +
                      held * std::log(kChance) + (made - held) * std::log(1 - kChance));
    if (below > kRare) return held;
  }
  return made;
}

}  // namespace

TEST_CASE("Intervals of savings, growth and replay hold what was planted") {
  TransferWorld world;
  world.every = 8;
  world.replay = {0, 0.05, 0.2};
  constexpr int kSweeps = 5;
  int held = 0, half = 0, made = 0;
  for (const CountedInterval& each : count_transfers(world, kSweeps, 100)) {
    INFO(each.quantity << ": " << each.held << " of " << each.made);
    CHECK(each.held >= least_held(each.made));
    if (each.one_sided) continue;
    CHECK(each.made + each.missing >= kSweeps / 2);
    held += each.held, half += each.held_by_half, made += each.made;
  }
  // Quantities of one sweep go together: about as many as a third of them are on their own.
  const double least = least_held(made / 3) / (made / 3.0);
  INFO(held << " of " << made << ", by half as wide ones " << half << ", at least " << least);
  CHECK(held >= least * made);
  // Intervals half as wide are found out.
  CHECK(half < least * made);
}

TEST_CASE("Intervals of what a longer base is worth hold what was planted") {
  TransferWorld world;
  world.every = 8;
  world.bases = {5, 20};
  world.base_exponent = 0.06;
  int half = 0, made = 0;
  for (const CountedInterval& each : count_bases(world, 40, 100)) {
    INFO(each.quantity << ": " << each.held << " of " << each.made);
    CHECK(each.made == 40);
    CHECK(each.held >= least_held(each.made));
    half += each.held_by_half, made += each.made;
  }
  INFO(half << " of " << made << " by intervals half as wide");
  CHECK(half < least_held(made));
}
