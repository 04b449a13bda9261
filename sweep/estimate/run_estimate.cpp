#include "sweep/estimate/run_estimate.h"

#include <fmt/format.h>

#include <algorithm>

#include "sweep/plan/run_gpus.h"
#include "trainer/recipe/checkpoint_state.h"
#include "trainer/recipe/memory_model.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

// Forward alone is a third of forward and backward (PaLM, arXiv:2204.02311, appendix B).
constexpr double kForwardShare = 1.0 / 3;

trainer::TrainingSetup setup_of(const PlannedRun& run, bool gpu, int64_t ranks) {
  if (gpu) return gpu_setup(run.recipe, ranks);
  return {run.recipe.model, run.recipe.context_tokens, 1, 1, false, false};
}

// Sequences that the run's validations read: at the start of a continued run and at the end all,
// along the way fewer of the source language. Those of the steps shared with the trunk are the
// trunk's.
double evaluated_sequences(const PlannedRun& run, const SweepSpec& spec) {
  const int64_t shared = run.trunk ? run.trunk->step : -1;
  double ends = 1, along = 0;
  for (const int64_t step : run.evaluation_steps) {
    if (step <= shared || step >= run.row.steps) continue;
    step == 0 ? ++ends : ++along;
  }
  const auto others = static_cast<double>(run.recipe.validation.size()) - 1;
  const auto whole = static_cast<double>(spec.valid_tokens / spec.context);
  const int64_t some = spec.train.source_valid_tokens;
  double source = whole;
  if (some > 0) source = std::min(whole, static_cast<double>(some / spec.context));
  if (spec.train.source_loss_at_end_only) source = 0;
  return (ends + along) * whole + others * (ends * whole + along * source);
}

// Each GPU takes at least one sequence of a batch.
bool can_share(const PlannedRun& run, int64_t gpus) { return gpus <= run.recipe.batch_sequences; }

std::optional<int64_t> micro_batch(const PlannedRun& run, const Machine& machine, int64_t gpus) {
  return micro_batch_on(machine.gpu->memory_bytes / kGigabyte, run.recipe, gpus);
}

// Fewest GPUs that hold the run, in powers of two.
int64_t fewest_gpus(const PlannedRun& run, const Machine& machine) {
  for (int64_t gpus = 1; gpus <= kMostGpusARun && can_share(run, gpus); gpus *= 2) {
    if (micro_batch(run, machine, gpus)) return gpus;
  }
  return 0;
}

std::string too_large(const PlannedRun& run, const Machine& machine) {
  trainer::MemoryUse use = trainer::memory_use(setup_of(run, true, 1));
  return fmt::format(
      "needs {:.0f} GB with one sequence on one GPU ({:.0f} of weights, gradients and moments), "
      "and no number of GPUs that share its batch of {} sequences brings that below the {:.0f} "
      "GB that an {} offers: a smaller size, a shorter data.context or a larger GPU",
      use.total() / kGigabyte, use.states() / kGigabyte, run.recipe.batch_sequences,
      machine.hold_bytes() / kGigabyte, machine.gpu->title);
}

// Which number of GPUs the run takes, or why none will do.
void choose_gpus(const PlannedRun& run, const Machine& machine, RunEstimate& estimate) {
  estimate.gpus_needed = fewest_gpus(run, machine);
  estimate.gpus = std::max<int64_t>(1, estimate.gpus_needed);
  if (estimate.gpus_needed == 0) {
    estimate.problem = too_large(run, machine);
    return;
  }
  // By the spec, or asked for: more than it needs, as far as its batch goes.
  const int64_t wanted = machine.gpus_per_run > 0 ? machine.gpus_per_run : run.gpus;
  estimate.gpus = std::max(estimate.gpus, std::min(wanted, run.recipe.batch_sequences));
  if (estimate.gpus > machine.count) {
    estimate.problem = fmt::format("needs {} GPUs, and there {} {}", estimate.gpus,
                                   machine.count == 1 ? "is" : "are", machine.count);
  }
}

double flops_a_step(const PlannedRun& run) {
  return run.row.flops / static_cast<double>(run.row.steps);
}

double tokens_a_step(const PlannedRun& run) {
  return static_cast<double>(run.recipe.batch_sequences * run.recipe.context_tokens);
}

double gpu_step_seconds(const PlannedRun& run, const Machine& machine, RunEstimate& estimate) {
  trainer::TrainingSetup setup = setup_of(run, true, estimate.gpus);
  setup.micro_batch_sequences = std::max<int64_t>(1, estimate.micro_batch_sequences);
  trainer::GpuSpeed speed = machine.gpu->speed;
  // A ring is as fast as its slowest link.
  if (estimate.gpus > machine.gpu->gpus_a_node)
    speed.link_bytes_a_second =
        std::min(speed.link_bytes_a_second, machine.gpu->network_bytes_a_second);
  const double seconds = trainer::step_time(setup, run.recipe.batch_sequences, speed).total();
  estimate.utilisation =
      trainer::flops_utilisation(setup, run.recipe.batch_sequences, speed, seconds);
  return seconds;
}

double step_seconds(const PlannedRun& run, const Machine& machine, RunEstimate& estimate) {
  const auto gpus = static_cast<double>(estimate.gpus);
  if (machine.measured) {
    return machine.measured->seconds_a_step +
           machine.measured->seconds_a_flop * flops_a_step(run) / gpus;
  }
  if (machine.slot) return machine.slot->training({tokens_a_step(run), flops_a_step(run)}) / gpus;
  return gpu_step_seconds(run, machine, estimate);
}

}  // namespace

double Machine::hold_bytes() const {
  return gpu ? trainer::plannable_gpu_bytes(gpu->memory_bytes) : 0;
}

RunEstimate estimate_run(const PlannedRun& run, const SweepSpec& spec, const Machine& machine) {
  RunEstimate estimate;
  const bool gpu = machine.gpu.has_value();
  if (gpu) {
    choose_gpus(run, machine, estimate);
    estimate.micro_batch_sequences = micro_batch(run, machine, estimate.gpus).value_or(1);
  } else {
    estimate.micro_batch_sequences = run.recipe.batch_sequences;
  }
  trainer::TrainingSetup setup = setup_of(run, gpu, estimate.gpus);
  setup.micro_batch_sequences = estimate.micro_batch_sequences;
  estimate.memory_bytes = trainer::memory_use(setup).total();
  estimate.step_seconds = step_seconds(run, machine, estimate);
  estimate.training_seconds = estimate.step_seconds * static_cast<double>(run.steps_to_train());
  if (machine.measured) {
    estimate.training_seconds += machine.measured->start_seconds;
  } else if (machine.slot) {
    estimate.training_seconds += machine.slot->start;
  }
  estimate.evaluation_seconds = kForwardShare * estimate.step_seconds *
                                evaluated_sequences(run, spec) /
                                static_cast<double>(run.recipe.batch_sequences);
  return estimate;
}

double resume_bytes(const PlannedRun& run, const SweepSpec& spec, const RunEstimate& estimate) {
  if (estimate.seconds() <= spec.train.checkpoint_every_seconds) return 0;
  return static_cast<double>(trainer::kResumePointsKept) *
         trainer::checkpoint_bytes(run.recipe.model, true);
}

}  // namespace crosslaw::sweep
