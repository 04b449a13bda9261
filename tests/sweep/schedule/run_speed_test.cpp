#include "sweep/schedule/run_speed.h"

#include <vector>

#include "tests/support/catch.h"

namespace crosslaw::sweep {
namespace {

// A model of so many parameters on so many tokens.
RunWork work(double params, double tokens) { return {tokens, 6 * params * tokens}; }

// On a machine of known speed.
double trained(const RunWork& work) { return 0.1 + 8e-6 * work.tokens + work.flops / 9e10; }

}  // namespace

TEST_CASE("without measurements the stated speed counts") {
  LaunchSpec launch;
  launch.flops_per_second = 1e9;
  CHECK(RunSpeed(launch, false).time().seconds({1e5, 5e9}) == Approx(5));
}

TEST_CASE("start, tokens and FLOPs are learnt from finished runs, whatever was stated") {
  LaunchSpec launch;
  for (const double stated : {0.0, 1e9}) {
    launch.flops_per_second = stated;
    RunSpeed speed(launch, false);
    for (const double params : {1e4, 4e4, 1.6e5, 6.4e5}) {
      for (const double ratio : {2, 5, 20}) {
        const RunWork each = work(params, ratio * params);
        speed.add(each, trained(each) + 0.5, trained(each));
      }
    }
    for (const double params : {8e3, 1e5, 2e6}) {
      const RunWork each = work(params, 10 * params);
      CHECK(speed.time().seconds(each) == Approx(trained(each) + 0.5).epsilon(0.03));
    }
  }
}

TEST_CASE("runs of one model give a mean, and no term is negative") {
  RunSpeed speed({}, false);
  for (int i = 0; i < 5; ++i) speed.add(work(1e5, 1e6), 20, 20);
  CHECK(speed.time().seconds(work(1e5, 1e6)) == Approx(20).epsilon(0.01));
  CHECK(speed.time().seconds(work(1e5, 2e6)) == Approx(40).epsilon(0.05));
  RunSpeed odd({}, false);  // the more work, the faster
  odd.add(work(1e5, 1e6), 5, 5), odd.add(work(1e5, 2e6), 3, 3), odd.add(work(1e5, 3e6), 1, 1);
  RunSpeed steep({}, false);  // a line through these takes less than nothing to start
  steep.add(work(1e5, 1e5), 0.1, 0.1), steep.add(work(1e5, 2e5), 1.1, 1.1);
  steep.add(work(1e5, 3e5), 2.1, 2.1);
  for (const RunTime time : {odd.time(), steep.time()}) {
    CHECK(time.start >= 0);
    CHECK(time.a_token >= 0);
    CHECK(time.a_flop >= 0);
    CHECK(time.seconds(work(1e3, 1e4)) > 0);
  }
}

// Largest first, as a sweep trains them: what a token costs beyond its FLOPs shows at the end only.
TEST_CASE("small models at the end of a sweep are foreseen from the large ones before them") {
  for (const std::size_t finished : {3, 8, 20}) {
    RunSpeed speed({}, false);
    double left = 0, foreseen = 0;
    std::vector<RunWork> later;
    std::size_t count = 0;
    for (const double params : {1.1e5, 7.7e4, 3.8e4, 2e4, 1.1e4}) {
      for (const double ratio : {20, 10, 5, 20, 10, 5, 20, 10, 5, 20, 10, 5}) {
        const RunWork each = work(params, ratio * params);
        // 5 % more or less than the law says; each trainer lives 0.4 s beside training.
        const double training = trained(each) * (count % 2 == 0 ? 1.05 : 0.95);
        if (count++ < finished) {
          speed.add(each, training + 0.4, training);
        } else {
          left += training + 0.4;
          later.push_back(each);
        }
      }
    }
    for (const RunWork& each : later) foreseen += speed.time().seconds(each);
    INFO(finished << " runs finished");
    CHECK(foreseen == Approx(left).epsilon(finished < 20 ? 0.25 : 0.1));
  }
}

TEST_CASE("a machine that becomes slower is seen in the runs that train") {
  RunSpeed speed({}, false);
  for (const double tokens : {1e5, 2e5, 4e5, 8e5})
    speed.add(work(1e5, tokens), trained(work(1e5, tokens)), trained(work(1e5, tokens)));
  const double before = speed.time().training(work(1e5, 1e6));
  // Two seconds say little, many say that it has a tenth of that speed.
  speed.add_part(work(1e5, 2e6 / before), 20);
  CHECK(speed.time().training(work(1e5, 1e6)) < 3 * before);
  for (int i = 0; i < 20; ++i) speed.add_part(work(1e5, 1e6), 10 * before);
  CHECK(speed.time().training(work(1e5, 1e6)) == Approx(10 * before).epsilon(0.1));
}

TEST_CASE("a part of a run tells the pace, and nothing of a trainer's start") {
  RunSpeed part({}, false);
  CHECK_FALSE(part.measured());
  const double start = part.time().start;
  part.add_part(work(1e5, 1e5), 2);
  CHECK(part.measured());
  CHECK(part.time().training(work(1e5, 2e5)) == Approx(4));
  CHECK(part.time().start == start);
}

TEST_CASE("one finished run is enough for its start-up and its speed") {
  RunSpeed speed({}, false);
  CHECK_FALSE(speed.measured());
  speed.add(work(1e5, 1e6), 12.5, 12);
  CHECK(speed.measured());
  CHECK(speed.time().seconds(work(1e5, 1e6)) == Approx(12.5).epsilon(0.01));
  CHECK(speed.time().seconds(work(1e5, 2e6)) == Approx(24.5).epsilon(0.02));
}

}  // namespace crosslaw::sweep
