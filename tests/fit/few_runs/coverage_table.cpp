// The table of scripts/coverage.sh: how often 95 % intervals hold the truth, by design and noise.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fit/few_runs/simulated.h"

int main(int argc, char** argv) {
  const int sweeps = argc > 1 ? std::atoi(argv[1]) : 200;
  crosslaw::fit::FitOptions options;
  options.starts = 8;
  options.draws = 400;
  if (argc > 2) options.resampling = crosslaw::fit::find_resampling(argv[2]);
  options.threads = argc > 3 ? std::atoi(argv[3]) : 0;
  const char* only = argc > 4 ? argv[4] : "";
  using few_runs::NoiseKind;
  for (const few_runs::Design& design : few_runs::coverage_designs()) {
    if (std::strstr(design.name.c_str(), only) == nullptr) continue;
    for (const NoiseKind kind :
         {NoiseKind::kNormal, NoiseKind::kHeavyTails, NoiseKind::kOutliers}) {
      const few_runs::Coverage found = few_runs::coverage_of(design, kind, sweeps, options);
      std::printf("%-24s %-12s", design.name.c_str(), few_runs::name_of(kind));
      for (const auto& each : found.answers) {
        if (each.intervals == 0) {
          std::printf(" %s -", each.name.c_str());
        } else {
          std::printf(" %s %.0f", each.name.c_str(), 100.0 * each.held / each.intervals);
          if (each.name == "N*") std::printf("(x%.3g)", std::exp(each.width));
        }
      }
      std::printf("%s\n", found.refused > 0 ? " (some sweeps without intervals)" : "");
      std::fflush(stdout);
    }
  }
  return 0;
}
