#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/apps/planted_transfer.h"

namespace crosslaw::tests {

// How often the 95 % intervals of one quantity held the planted truth, over simulated sweeps.
struct CountedInterval {
  std::string quantity;
  int held = 0, made = 0, missing = 0;  // missing: no interval was given
  int held_by_half = 0;                 // by intervals half as wide about the same middle
  double width = 0;                     // mean, in the quantity's own unit
  double error = 0;                     // root mean square of the values' own, in that unit
  bool one_sided = false;  // a statement with 95 % probability at least, and no interval
};

using Progress = std::function<void(int sweeps_done)>;

// Simulates `sweeps` sweeps of the world, each with losses of its own, through store, fits and the
// findings that transfer, replay and report print.
std::vector<CountedInterval> count_transfers(TransferWorld world, int sweeps, std::uint64_t seed,
                                             const Progress& progress = {});

// The same of a world with several base budgets: what the report says of them.
std::vector<CountedInterval> count_bases(TransferWorld world, int sweeps, std::uint64_t seed,
                                         const Progress& progress = {});

}  // namespace crosslaw::tests
