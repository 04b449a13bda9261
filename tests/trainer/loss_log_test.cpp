#include "trainer/loss_log.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace crosslaw::trainer {
namespace {

constexpr int64_t kWarmupSteps = 3;

TrainConfig config() {
  TrainConfig config;
  config.recipe.model.vocabulary = 256;  // knowing nothing costs log 256 = 5.545 nats a token
  config.recipe.schedule.warmup_steps = kWarmupSteps;
  return config;
}

void add(LossLog& log, int64_t step, double loss, double norm = 1.0) {
  log.add(step, at::scalar_tensor(loss), at::scalar_tensor(norm));
}

}  // namespace

TEST_CASE("losses arrive in one line for consecutive steps, each once") {
  std::vector<TrainLines> lines;
  LossLog log(config(), [&](const TrainLines& l) { lines.push_back(l); });
  for (int64_t step = 7; step < 10; ++step) add(log, step, static_cast<double>(step), 0.5);
  CHECK(log.unpublished() == 3);
  log.publish();
  log.publish();
  add(log, 10, 2.0);
  log.publish();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].first_step == 7);
  CHECK((lines[0].loss_nats == std::vector<std::optional<double>>{7.0, 8.0, 9.0}));
  CHECK((lines[0].gradient_norm == std::vector<std::optional<double>>{0.5, 0.5, 0.5}));
  CHECK(lines[1].first_step == 10);
  CHECK(log.unpublished() == 0);
}

TEST_CASE("a loss or norm that is not finite is divergence, and the first one is named") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  LossLog by_loss(config(), {});
  add(by_loss, 0, 5.0);
  CHECK_FALSE(by_loss.diverged());
  add(by_loss, 1, nan);
  add(by_loss, 2, infinity);
  CHECK_THAT(by_loss.divergence(), has_text("step 1: loss nan"));
  LossLog by_norm(config(), {});
  add(by_norm, 0, 5.0, infinity);
  CHECK_THAT(by_norm.divergence(), has_text("step 0: loss 5, gradient norm inf"));
}

TEST_CASE("on a GPU a divergence is seen two steps later, and before anything is published") {
  TrainConfig on_gpu = config();
  on_gpu.execution.device = "cuda";
  std::vector<TrainLines> lines;
  LossLog log(on_gpu, [&](const TrainLines& l) { lines.push_back(l); });
  add(log, 5, std::nan(""));
  add(log, 6, std::nan(""));
  CHECK_FALSE(log.diverged());
  add(log, 7, std::nan(""));
  CHECK_THAT(log.divergence(), has_text("step 5: loss nan"));
  LossLog early(on_gpu, [&](const TrainLines& l) { lines.push_back(l); });
  add(early, 3, 5.0);
  add(early, 4, std::nan(""));
  early.publish();
  CHECK_THAT(early.divergence(), has_text("step 4: loss nan"));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].first_step == 3);
  CHECK(lines[0].loss_nats.size() == 2);
}

TEST_CASE("a validation loss that is not finite is divergence") {
  LossLog log(config(), {});
  log.judge_validation(10, "fr", 3.0);
  CHECK_FALSE(log.diverged());
  log.judge_validation(20, "fr", std::nan(""));
  CHECK_THAT(log.divergence(), has_text("after step 19: the validation loss of fr is nan"));
}

TEST_CASE("twenty steps in a row above twice the loss of knowing nothing are divergence") {
  LossLog log(config(), {});
  int64_t step = 0;
  for (; step < kWarmupSteps + 19; ++step) add(log, step, 11.1);
  CHECK_FALSE(log.diverged());  // 19 after warm-up
  add(log, step++, 11.0);       // below 2 log 256 = 11.09: counted anew
  for (int64_t bad = 0; bad < 19; ++bad) add(log, step++, 11.1);
  CHECK_FALSE(log.diverged());
  add(log, step, 11.1);
  CHECK_THAT(log.divergence(), has_text("has been above 11.090 for 20 steps"));
}

}  // namespace crosslaw::trainer
