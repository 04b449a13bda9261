#include "sweep/schedule/run_speed.h"

#include "tests/support/catch.h"

namespace crosslaw::sweep {

TEST_CASE("without measurements the stated speed counts") {
  LaunchSpec launch;
  launch.flops_per_second = 1e9;
  CHECK(RunSpeed(launch, {}).seconds(5e9) == Approx(5));
}

TEST_CASE("start-up and speed are learnt from finished runs") {
  RunSpeed speed({}, {});
  for (double flops : {1e9, 3e9, 2e9, 8e9}) speed.add(flops, 0.5 + flops / 1e10);
  CHECK(speed.seconds(4e9) == Approx(0.9));
  CHECK(speed.seconds(0) == Approx(0.5));
}

TEST_CASE("runs of one size give a mean and never a negative time") {
  RunSpeed speed({}, {});
  for (int i = 0; i < 5; ++i) speed.add(1e9, 2);
  CHECK(speed.seconds(2e9) == Approx(4));
  RunSpeed odd({}, {});
  odd.add(1e9, 5), odd.add(2e9, 3), odd.add(3e9, 1);
  CHECK(odd.seconds(9e9) > 0);
}

}  // namespace crosslaw::sweep
