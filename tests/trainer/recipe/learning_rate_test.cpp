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

TEST_CASE("runs with different budgets share the steps before the earlier cooldown") {
  Schedule longer = kWsdSchedule;
  longer.steps = 400, longer.cooldown_steps = 80;
  CHECK(shared_steps(kWsdSchedule) == 80);
  for (int64_t step = 0; step < shared_steps(kWsdSchedule); ++step)
    CHECK(learning_rate(kWsdSchedule, step) == learning_rate(longer, step));
  CHECK(shared_steps(kCosineSchedule) == 0);
}

}  // namespace crosslaw::trainer
