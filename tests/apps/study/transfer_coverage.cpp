// Counts how often the intervals of crosslaw transfer and crosslaw replay hold what was planted:
// scripts/transfer_coverage.sh.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tests/apps/study/counted_transfers.h"

int main(int argc, char** argv) {
  using namespace crosslaw::tests;
  const int sweeps = argc > 1 ? std::atoi(argv[1]) : 200;
  if (sweeps < 1) {
    std::fprintf(stderr, "usage: transfer_coverage [SWEEPS]\n");
    return 2;
  }
  try {
    TransferWorld world;
    world.replay = {0, 0.05, 0.2};
    std::printf("%-52s %8s %8s %12s %12s\n", "95 % interval of", "holds", "of", "mean width",
                "rms error");
    for (const CountedInterval& each : count_transfers(world, sweeps, 1)) {
      std::printf("%-52s %7.1f%% %8d %12.4g %12.4g\n", each.quantity.c_str(),
                  each.made ? 100.0 * each.held / each.made : 0.0, each.made, each.width,
                  each.error);
      if (each.missing) std::printf("    without an interval in %d sweeps\n", each.missing);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transfer_coverage: %s\n", error.what());
    return 1;
  }
}
