#include "sweep/schedule/run_speed.h"

#include <cmath>

#include "tests/support/catch.h"

namespace crosslaw::sweep {

TEST_CASE("without measurements the stated speed counts") {
  LaunchSpec launch;
  launch.flops_per_second = 1e9;
  CHECK(RunSpeed(launch, false).seconds(5e9) == Approx(5));
}

TEST_CASE("start-up and speed are learnt from finished runs") {
  RunSpeed speed({}, false);
  for (double flops : {1e9, 3e9, 2e9, 8e9}) speed.add(flops, 0.5 + flops / 1e10, flops / 1e10);
  CHECK(speed.seconds(4e9) == Approx(0.9));
  CHECK(speed.seconds(0) == Approx(0.5));
}

TEST_CASE("runs of one size give a mean and never a negative time") {
  RunSpeed speed({}, false);
  for (int i = 0; i < 5; ++i) speed.add(1e9, 2, 2);
  CHECK(speed.seconds(2e9) == Approx(4));
  RunSpeed odd({}, false);
  odd.add(1e9, 5, 5), odd.add(2e9, 3, 3), odd.add(3e9, 1, 1);
  CHECK(odd.seconds(9e9) > 0);
  RunSpeed steep({}, false);  // a line through these takes less than nothing to start
  steep.add(1e9, 0.1, 0.1), steep.add(2e9, 1.1, 1.1), steep.add(3e9, 2.1, 2.1);
  CHECK(steep.seconds(1e8) > 0);
}

TEST_CASE("small runs at the end of a sweep are foreseen from the large ones before them") {
  // Large runs take 5 % more or less than their FLOPs say; each trainer lives 0.4 s beside
  // training.
  RunSpeed speed({}, false);
  double left = 0;
  for (int i = 0; i < 60; ++i) {
    const double flops = 4e10 * std::pow(0.93, i);
    const double training = 0.1 + flops / 1.5e10 * (i % 2 == 0 ? 1.05 : 0.95);
    if (i < 20) {
      speed.add(flops, training + 0.4, training);
    } else {
      left += training + 0.4;
    }
  }
  double foreseen = 0;
  for (int i = 20; i < 60; ++i) foreseen += speed.seconds(4e10 * std::pow(0.93, i));
  CHECK(foreseen == Approx(left).epsilon(0.15));
}

TEST_CASE("a machine that becomes slower is seen in the runs that train") {
  RunSpeed speed({}, false);
  for (double flops : {1e9, 2e9, 4e9, 8e9}) speed.add(flops, 0.5 + flops / 1e10, flops / 1e10);
  const double before = speed.seconds(1e11);
  CHECK(before == Approx(10.5));
  for (int i = 0; i < 2; ++i) speed.add_part(5e10, 50);  // a tenth of that speed
  CHECK(speed.seconds(1e11) == Approx(0.5 + 10 * (100. + 10) / (10 + 10)));
  for (int i = 0; i < 20; ++i) speed.add_part(5e10, 50);
  CHECK(speed.seconds(1e11) == Approx(100).epsilon(0.1));
  // A part of a run says nothing of a trainer's start.
  RunSpeed part({}, false);
  part.add_part(1e10, 2);
  CHECK(part.measured());
  CHECK(part.seconds(2e10) == Approx(4));
}

TEST_CASE("one finished run is enough for its start-up and its speed") {
  RunSpeed speed({}, false);
  CHECK_FALSE(speed.measured());
  speed.add(1e10, 3, 2.5);
  CHECK(speed.measured());
  CHECK(speed.seconds(2e10) == Approx(5.5));
}

}  // namespace crosslaw::sweep
