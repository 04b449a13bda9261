// Counts how often the intervals of crosslaw transfer and crosslaw replay hold what was planted:
// scripts/transfer_coverage.sh.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "tests/apps/study/counted_transfers.h"

using namespace crosslaw::tests;

namespace {

void print(const std::vector<CountedInterval>& counted) {
  for (const CountedInterval& each : counted) {
    std::printf("%-60s %7.1f%% %8d %12.4g %12.4g\n", each.quantity.c_str(),
                each.made ? 100.0 * each.held / each.made : 0.0, each.made, each.width, each.error);
    if (each.missing) std::printf("    without an interval in %d sweeps\n", each.missing);
  }
  std::fflush(stdout);
}

// Sweeps and remaining time in one line that is written over, where somebody looks.
Progress told(int sweeps) {
  const auto began = std::chrono::steady_clock::now();
  return [began, sweeps](int done) {
    if (!isatty(STDERR_FILENO)) return;
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    std::fprintf(stderr, "\r%d of %d sweeps, %.0f min left \033[K%s", done, sweeps,
                 spent.count() / done * (sweeps - done) / 60, done == sweeps ? "\r\033[K" : "");
  };
}

}  // namespace

int main(int argc, char** argv) {
  const int sweeps = argc > 1 ? std::atoi(argv[1]) : 200;
  if (sweeps < 1) {
    std::fprintf(stderr, "usage: transfer_coverage [SWEEPS]\n");
    return 2;
  }
  try {
    std::printf("%-60s %8s %8s %12s %12s\n", "95 % interval of", "holds", "of", "mean width",
                "rms error");
    TransferWorld replayed;
    replayed.replay = {0, 0.05, 0.2};
    print(count_transfers(replayed, sweeps, 1, told(sweeps)));
    TransferWorld of_bases;
    of_bases.bases = {5, 10, 20};
    of_bases.base_exponent = 0.06;
    of_bases.seeds = {1, 2};
    print(count_bases(of_bases, sweeps, 1, told(sweeps)));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transfer_coverage: %s\n", error.what());
    return 1;
  }
}
