#include "tests/support/fake_launcher.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "db/files/atomic_file.h"
#include "db/files/content_hash.h"
#include "trainer/recipe/checkpoint_state.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::tests {
namespace fs = std::filesystem;
using namespace trainer;

namespace {

void write_checkpoint(const fs::path& folder, int64_t step, std::ofstream& metrics) {
  fs::create_directories(folder / checkpoint_name(step));
  std::ofstream(folder / checkpoint_name(step) / "model.safetensors") << "weights";
  std::ofstream(folder / checkpoint_name(step) / "state.json")
      << state_text({step, "key", "", {{"model.safetensors", db::sha256("weights")}}});
  metrics << to_line(CheckpointLine{step, checkpoint_name(step)});
}

void write_losses(const TrainConfig& config, int64_t step, std::ofstream& metrics) {
  const bool end = step == config.recipe.schedule.steps;
  for (const ValidationSet& set : config.recipe.validation) {
    if (!end && config.execution.others_at_ends_only && &set != &config.recipe.validation.front())
      break;
    // Before the end a little more, so that the last one is told from them.
    const double loss = fake_loss(config.recipe) + (end ? 0 : 1.0 / static_cast<double>(step));
    metrics << to_line(
        EvalLine{step, set.language, loss, loss, step * config.recipe.batch_tokens(), 0, 1e9, end});
  }
}

void write_outputs(const TrainConfig& config, const fs::path& folder, const FakeEnd& end) {
  std::ofstream metrics(metrics_file(folder), std::ios::app);
  int64_t steps = config.recipe.schedule.steps;
  metrics << to_line(TrainLines{0, {5.0}, {1.0}});
  for (int64_t step : end.checkpoints) write_checkpoint(folder, step, metrics);
  RunResult result;
  result.token = config.execution.token;
  result.outcome = end.outcome;
  result.message = end.message;
  result.step = end.step;
  if (end.outcome == Outcome::kDone) {
    for (int64_t step : config.execution.publish_steps) write_checkpoint(folder, step, metrics);
    for (int64_t step : config.execution.evaluation_steps) write_losses(config, step, metrics);
    write_losses(config, steps, metrics);
    write_checkpoint(folder, steps, metrics);
    result.step = steps;
    result.seconds = 1;
  }
  metrics.close();
  if (end.writes_result) publish_result(result, folder);
}

}  // namespace

double fake_loss(const Recipe& recipe) {
  double n = static_cast<double>(count_parameters(recipe.model).total()),
         d = static_cast<double>(recipe.schedule.steps * recipe.batch_tokens());
  return 1.5 + 20 / std::pow(n, 0.4) + (recipe.parent_key.empty() ? 30 : 20) / std::pow(d, 0.3);
}

bool FakeLauncher::start(const sweep::LaunchRequest& request, const Commit& commit) {
  started.push_back(read_config(request.config_file));
  requests.push_back(request);
  running[request.attempt_id] = request.config_file;
  most_at_once = std::max(most_at_once, running.size());
  sweep::LaunchPlace place;
  place.boot_id = "boot", place.pid = 1000 + request.attempt_id, place.start_ticks = 1;
  commit(place);
  return true;
}

void FakeLauncher::adopt(const std::vector<sweep::EarlierAttempt>& attempts) {
  for (const sweep::EarlierAttempt& attempt : attempts) {
    const int64_t id = attempt.request.attempt_id;
    if (std::find(adoptable.begin(), adoptable.end(), id) == adoptable.end()) {
      gone_.push_back(id);
    } else {
      running[id] = attempt.request.config_file;
    }
  }
}

std::vector<sweep::AttemptState> FakeLauncher::states(std::chrono::milliseconds) {
  using sweep::Whereabouts;
  std::vector<sweep::AttemptState> states;
  for (int64_t id : std::exchange(gone_, {}))
    states.push_back({.attempt_id = id, .where = Whereabouts::kGone});
  for (const auto& [id, config] : running)
    states.push_back({.attempt_id = id,
                      .where = Whereabouts::kRunning,
                      .place = "process " + std::to_string(1000 + id)});
  if (hold || running.empty()) return states;
  auto [attempt, config_file] = *running.begin();
  running.erase(running.begin());
  TrainConfig config = read_config(config_file);
  std::string folder = config_file.parent_path().filename().string();
  FakeEnd end = behave_(config, std::stoll(folder.substr(folder.rfind('-') + 1)));
  write_outputs(config, config_file.parent_path(), end);
  states.push_back({.attempt_id = attempt,
                    .where = Whereabouts::kGone,
                    .node = end.node,
                    .code = end.code,
                    .signal = end.signal,
                    .cause = end.cause});
  return states;
}

void FakeLauncher::stop(int64_t attempt_id, bool) {
  auto at = running.find(attempt_id);
  if (at == running.end()) return;
  hold = false;
}

}  // namespace crosslaw::tests
