// The table of scripts/verdicts.sh: what is said of the answers of a fit, over designs and noise.
#include <cstdio>
#include <cstdlib>

#include "tests/fit/few_runs/verdicts.h"

int main(int argc, char** argv) {
  const int draws = argc > 1 ? std::atoi(argv[1]) : 24;
  crosslaw::fit::FitOptions options;
  options.starts = 8;
  options.draws = 200;
  options.threads = argc > 2 ? std::atoi(argv[2]) : 0;
  std::printf(
      "known/weakly known/not known of %d noise draws; !: \"known\" and wrong; ~: estimates as "
      "near as \"known\" asks\n",
      draws);
  int wrong = 0, known = 0;
  for (const few_runs::VerdictDesign& design : few_runs::verdict_designs()) {
    std::printf("%-28s", design.name.c_str());
    for (const few_runs::VerdictCount& each : few_runs::count_verdicts(design, draws, options)) {
      std::printf("  %s %d/%d/%d !%d ~%d", each.name.c_str(), each.known, each.weakly,
                  each.not_known, each.false_known, each.near);
      wrong += each.false_known;
      known += each.known;
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  std::printf("\"known\" and wrong: %d of %d\n", wrong, known);
  return 0;
}
