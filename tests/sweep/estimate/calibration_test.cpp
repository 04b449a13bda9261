#include "sweep/estimate/calibration.h"

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {

TEST_CASE("three probes give back the steps' fixed time and speed") {
  std::vector<ProbedStep> probes;
  for (double flops : {1e8, 3e9, 7e10}) probes.push_back({flops, 2e-3 + flops / 4e10});
  const MeasuredSteps steps = fit_steps(probes);
  CHECK(steps.seconds_a_step == Approx(2e-3));
  CHECK(steps.seconds_a_flop == Approx(1 / 4e10));
}

TEST_CASE("probes of one size give a speed and no fixed time") {
  for (const auto& probes : {std::vector<ProbedStep>{{1e9, 0.1}}, {{1e9, 0.1}, {1e9, 0.1}}}) {
    const MeasuredSteps steps = fit_steps(probes);
    CHECK(steps.seconds_a_step == 0);
    CHECK(steps.seconds_a_flop == Approx(1e-10));
  }
}

TEST_CASE("neither the fixed time nor the speed of a step is negative") {
  const MeasuredSteps steep = fit_steps({{1e9, 0.01}, {2e9, 0.11}, {3e9, 0.21}});
  CHECK(steep.seconds_a_step == 0);
  CHECK(steep.seconds_a_flop > 0);
  const MeasuredSteps odd = fit_steps({{1e9, 0.3}, {2e9, 0.2}, {3e9, 0.1}});
  CHECK(odd.seconds_a_step > 0);
  CHECK(odd.seconds_a_flop == 0);
}

TEST_CASE("a trainer that fails ends the calibration with its last words") {
  tests::SmallSweep sweep;
  const SweepSpec spec = read_spec(sweep.spec);
  const Plan plan =
      make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  const auto program =
      sweep.folder.write("broken-trainer", "#!/bin/sh\necho no CPU today >&2\nexit 1\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  CalibrationOptions options;
  options.program = program;
  options.folder = sweep.folder.path();
  CHECK(tests::message_of([&] { calibrate(plan, options); }) ==
        "the probe of " + plan.runs.front().row.size + " on this machine failed: no CPU today");
}

}  // namespace crosslaw::sweep
