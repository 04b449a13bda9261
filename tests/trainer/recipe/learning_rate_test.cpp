#include "trainer/recipe/learning_rate.h"

#include <cmath>

#include "tests/support/catch.h"

namespace crosslaw::trainer {
namespace {
const Schedule kCosineSchedule{ScheduleKind::kCosine, 100, 10, 0, 2e-4, 0.1};
const Schedule kWsdSchedule{ScheduleKind::kWsd, 100, 10, 20, 1e-2, 0.0};
}  // namespace

TEST_CASE("warm-up rises linearly to the peak") {
  CHECK(learning_rate(kCosineSchedule, 0) == Approx(2e-5));
  CHECK(learning_rate(kCosineSchedule, 4) == Approx(1e-4));
  CHECK(learning_rate(kCosineSchedule, 9) == Approx(2e-4));
  CHECK(learning_rate(kWsdSchedule, 0) == Approx(1e-3));
}

TEST_CASE("cosine is half-way between peak and floor in the middle and near the floor at the end") {
  CHECK(learning_rate(kCosineSchedule, 10) == Approx(2e-4));
  CHECK(learning_rate(kCosineSchedule, 55) == Approx(1.1e-4));
  CHECK(learning_rate(kCosineSchedule, 99) == Approx(2e-5).epsilon(0.01));
}

TEST_CASE("warm-up-stable-decay stays at the peak and cools down by 1 - sqrt") {
  CHECK(learning_rate(kWsdSchedule, 10) == 1e-2);
  CHECK(learning_rate(kWsdSchedule, 80) == 1e-2);
  CHECK(learning_rate(kWsdSchedule, 85) == Approx(1e-2 * (1 - std::sqrt(0.25))));
  CHECK(learning_rate(kWsdSchedule, 99) == Approx(1e-2 * (1 - std::sqrt(0.95))));
}

TEST_CASE("a linear cooldown falls evenly and is not yet zero at the last step") {
  Schedule linear = kWsdSchedule;
  linear.cooldown = Cooldown::kLinear;
  CHECK(learning_rate(linear, 80) == 1e-2);
  CHECK(learning_rate(linear, 90) == Approx(5e-3));
  CHECK(learning_rate(linear, 99) == Approx(1e-2 / 20));
  CHECK(learning_rate(linear, 50) == learning_rate(kWsdSchedule, 50));
}

TEST_CASE("runs with different budgets share the steps before the earlier cooldown") {
  Schedule longer = kWsdSchedule;
  longer.steps = 400, longer.cooldown_steps = 80;
  CHECK(shared_steps(kWsdSchedule) == 80);
  for (int64_t step = 0; step < shared_steps(kWsdSchedule); ++step)
    CHECK(learning_rate(kWsdSchedule, step) == learning_rate(longer, step));
  CHECK(shared_steps(kCosineSchedule) == 0);
}

// A second implementation, from the definitions: fractions of the way instead of steps.
TEST_CASE("every step of many schedules equals the closed form, and none is above the peak") {
  for (int64_t steps : {1, 2, 7, 100, 1001}) {
    for (int64_t warmup : {0, 1, 3, 100}) {
      for (int64_t cooldown : {0, 1, 20, 500}) {
        if (warmup + cooldown > steps) continue;
        for (double ratio : {0.0, 0.1, 1.0}) {
          const double peak = 3e-3;
          Schedule cosine{ScheduleKind::kCosine, steps, warmup, 0, peak, ratio};
          Schedule wsd{ScheduleKind::kWsd, steps, warmup, cooldown, peak, ratio};
          for (int64_t step = 0; step < steps; ++step) {
            const long double s = step, w = warmup, c = cooldown, all = steps;
            const long double rise = step < warmup ? (s + 1) / w : 1;
            const long double wave = std::cos(M_PIl * (s - w) / (all - w));
            const long double fall_cosine =
                step < warmup ? 1 : (1 + ratio) / 2 + (1 - ratio) / 2 * wave;
            const long double fall_wsd = s > all - c ? 1 - std::sqrt((s - (all - c)) / c) : 1;
            INFO("step " << step << " of " << steps << ", warm-up " << warmup << ", cooldown "
                         << cooldown << ", ratio " << ratio);
            REQUIRE(learning_rate(cosine, step) ==
                    Approx(static_cast<double>(peak * rise * fall_cosine))
                        .epsilon(1e-12)
                        .margin(1e-17));
            REQUIRE(learning_rate(wsd, step) ==
                    Approx(static_cast<double>(peak * rise * fall_wsd)).epsilon(1e-12));
            REQUIRE(learning_rate(cosine, step) <= peak * (1 + 1e-15));
            REQUIRE(learning_rate(wsd, step) > 0);
          }
          CHECK(shared_steps(wsd) == steps - cooldown);
        }
      }
    }
  }
}

TEST_CASE("after warm-up no schedule rises") {
  for (const Schedule& schedule : {kCosineSchedule, kWsdSchedule}) {
    for (int64_t step = schedule.warmup_steps + 1; step < schedule.steps; ++step)
      REQUIRE(learning_rate(schedule, step) <= learning_rate(schedule, step - 1));
  }
}

}  // namespace crosslaw::trainer
