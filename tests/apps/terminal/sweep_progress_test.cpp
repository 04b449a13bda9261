#include "apps/terminal/sweep_progress.h"

#include "tests/support/catch.h"

using namespace crosslaw;

TEST_CASE("Progress names what is finished, what is left and what runs now") {
  sweep::Progress progress;
  progress.total = 40;
  progress.done = 10;
  progress.diverged = 2;
  progress.flops_total = 1e18;
  progress.flops_done = 3e17;
  progress.remaining_seconds = 200;
  progress.running_names = {"fr 2.1M", "fr 4.2M"};
  CHECK(apps::finished_runs(progress) == 12);
  progress.share = 0.307;
  progress.elapsed_seconds = 100;
  CHECK(apps::describe(progress) ==
        "12/40 runs, 30 % of the work, 100 s so far, 2 diverged | fr 2.1M | fr 4.2M");
  progress.measured = true;
  CHECK(apps::describe(progress) ==
        "12/40 runs, 30 % of the work, 100 s so far, about 3 min 20 s left, 2 diverged | fr 2.1M | "
        "fr 4.2M");
  progress.failed = 1;
  progress.blocked = 27;
  progress.running_names.clear();
  CHECK(apps::describe(progress) ==
        "40/40 runs, 30 % of the work, 100 s so far, 2 diverged, 1 failed, 27 blocked");
}
