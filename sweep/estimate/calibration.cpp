#include "sweep/estimate/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <stdexcept>

#include "sweep/launch/program.h"
#include "trainer/corpus/token_shard.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kWarmSteps = 5;     // libraries, buffers and captured graphs are made there
constexpr int64_t kProbedSteps = 20;  // on top, at least
constexpr int64_t kMostSteps = 20000;
constexpr double kShortestProbe = 0.5;   // seconds of probed steps, that a clock tells apart
constexpr int64_t kMostSequences = 256;  // of random text; more would only be read from memory
constexpr double kPatience = 20;         // times the longest probe until a trainer is given up
// Below this relative spread of the sizes a slope is noise.
constexpr double kSmallestSpread = 1e-9;
constexpr const char* kLanguage = "probe";

double flops_of_step(const PlannedRun& run) {
  return run.row.flops / static_cast<double>(run.row.steps);
}

fs::path random_shard(const fs::path& file, const trainer::Recipe& recipe, int64_t sequences) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int32_t> token(0,
                                               static_cast<int32_t>(recipe.model.vocabulary - 1));
  std::vector<int32_t> tokens(static_cast<std::size_t>(sequences * recipe.context_tokens + 1));
  for (int32_t& each : tokens) each = token(random);
  trainer::TokenShardWriter writer(file, recipe.model.vocabulary);
  writer.append(tokens);
  writer.finish(static_cast<int64_t>(tokens.size()) - 1);
  return file;
}

trainer::TrainConfig probe_config(const PlannedRun& run, int64_t steps,
                                  const CalibrationOptions& options, const fs::path& folder) {
  trainer::TrainConfig config;
  config.recipe = run.recipe;
  config.recipe.schedule = {};
  config.recipe.schedule.steps = steps;
  config.recipe.schedule.peak_learning_rate = run.recipe.schedule.peak_learning_rate;
  config.recipe.mixture = {{kLanguage, 1.0, ""}};
  config.recipe.validation = {{kLanguage, ""}};
  config.recipe.parent_key.clear();
  config.recipe.parent_step = 0;
  config.execution.token = "probe";
  config.execution.device = options.gpu_uuid.empty() ? "cpu" : "cuda";
  config.execution.gpu_uuid = options.gpu_uuid;
  config.execution.threads = options.threads;
  const int64_t sequences = std::min(run.recipe.batch_sequences, kMostSequences);
  config.execution.train_shards[kLanguage] =
      random_shard(folder / "train.tokens", run.recipe, sequences).string();
  config.execution.valid_shards[kLanguage] =
      random_shard(folder / "valid.tokens", run.recipe, 1).string();
  return config;
}

// Seconds that the trainer counts for so many steps of the run's model.
double probe(const PlannedRun& run, int64_t steps, const CalibrationOptions& options) {
  const fs::path folder = options.folder / "probe";
  fs::remove_all(folder);
  fs::create_directories(folder);
  trainer::write_config(probe_config(run, steps, options, folder), trainer::config_file(folder));
  const auto limit = std::chrono::milliseconds(
      static_cast<int64_t>(1000 * kPatience * options.longest_probe_seconds));
  const ProgramEnd end =
      run_program({options.program.string(), trainer::config_file(folder).string()}, limit);
  const auto result = trainer::read_result(folder);
  const bool trained = result && (result->outcome == db::Outcome::kDone ||
                                  result->outcome == db::Outcome::kDiverged);
  if (!trained) {
    throw std::runtime_error(
        fmt::format("the probe of {} on this machine failed: {}", run.row.size,
                    end.timed_out ? "it did not end in time" : end.complaint()));
  }
  const double seconds = result->seconds;
  fs::remove_all(folder);
  return seconds;
}

// The plan's models by what a step costs, each once.
std::vector<const PlannedRun*> models_by_cost(const Plan& plan) {
  std::map<double, const PlannedRun*> models;
  for (const PlannedRun& run : plan.runs) models.emplace(flops_of_step(run), &run);
  std::vector<const PlannedRun*> out;
  for (const auto& [flops, run] : models) out.push_back(run);
  return out;
}

class Calibration {
 public:
  explicit Calibration(const CalibrationOptions& options) : options_(options) {}

  void measure(const PlannedRun& run) {
    const double short_seconds = probe(run, kWarmSteps, options_);
    int64_t steps = kProbedSteps;
    double step =
        (probe(run, kWarmSteps + steps, options_) - short_seconds) / static_cast<double>(steps);
    if (step * static_cast<double>(steps) < kShortestProbe) {
      steps = std::clamp(static_cast<int64_t>(kShortestProbe / std::max(step, 1e-6)), steps,
                         kMostSteps);
      step =
          (probe(run, kWarmSteps + steps, options_) - short_seconds) / static_cast<double>(steps);
    }
    step = std::max(step, 1e-9);
    probes_.push_back({flops_of_step(run), step});
    starts_ += std::max(0.0, short_seconds - step * static_cast<double>(kWarmSteps));
    options_.say(fmt::format("{}: {:.4g} s a step, {:.3g} FLOP/s", run.row.size, step,
                             flops_of_step(run) / step));
  }

  // Whether twenty steps of this model end in time, at the speed seen so far.
  bool in_time(const PlannedRun& run) const {
    const ProbedStep& last = probes_.back();
    return static_cast<double>(kProbedSteps + 2 * kWarmSteps) * flops_of_step(run) * last.seconds /
               last.flops <=
           options_.longest_probe_seconds;
  }

  MeasuredSteps result() const {
    MeasuredSteps out = fit_steps(probes_);
    out.start_seconds = starts_ / static_cast<double>(probes_.size());
    return out;
  }

 private:
  const CalibrationOptions& options_;
  std::vector<ProbedStep> probes_;
  double starts_ = 0;
};

}  // namespace

// Least squares of the relative errors, with neither a negative time nor a negative speed.
MeasuredSteps fit_steps(const std::vector<ProbedStep>& probes) {
  // Sums of weight, x, y, x^2 and x y, with x = FLOPs, y = seconds, weight 1 / y^2.
  double w = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const ProbedStep& each : probes) {
    const double weight = 1 / (each.seconds * each.seconds);
    w += weight, x += weight * each.flops, y += weight * each.seconds;
    xx += weight * each.flops * each.flops, xy += weight * each.flops * each.seconds;
  }
  const double variance = xx - x * x / w;
  const bool one_size = variance <= kSmallestSpread * xx;
  const double slope = one_size ? 0 : (xy - x * y / w) / variance;
  const double step = (y - slope * x) / w;
  if (one_size || step < 0) return {0, xy / xx, 0};
  if (slope < 0) return {y / w, 0, 0};
  return {step, slope, 0};
}

MeasuredSteps calibrate(const Plan& plan, const CalibrationOptions& options) {
  const std::vector<const PlannedRun*> models = models_by_cost(plan);
  Calibration calibration(options);
  calibration.measure(*models.front());
  std::size_t largest = 0;
  for (std::size_t i = 1; i < models.size(); ++i)
    if (calibration.in_time(*models[i])) largest = i;
  if (largest > 1) calibration.measure(*models[largest / 2]);
  if (largest > 0) calibration.measure(*models[largest]);
  return calibration.result();
}

}  // namespace crosslaw::sweep
