#include "sweep/estimate/sweep_estimate.h"

#include <algorithm>

namespace crosslaw::sweep {
namespace {

void need_text(std::map<std::string, TextNeed>& text, const std::string& language, int64_t tokens,
               const PlannedRun& run, int64_t valid_tokens) {
  TextNeed& need = text[language];
  need.valid_tokens = valid_tokens;
  if (tokens <= need.train_tokens) return;
  need.train_tokens = tokens;
  need.by = run.name;
}

std::map<std::string, TextNeed> text_of(const Plan& plan, const SweepSpec& spec) {
  std::map<std::string, TextNeed> text;
  for (const PlannedRun& run : plan.runs) {
    const auto tokens =
        static_cast<double>(run.row.steps) * static_cast<double>(run.recipe.batch_tokens());
    for (const trainer::MixturePart& part : run.recipe.mixture)
      need_text(text, part.language, static_cast<int64_t>(part.share * tokens), run,
                spec.valid_tokens);
    for (const trainer::ValidationSet& set : run.recipe.validation)
      need_text(text, set.language, 0, run, spec.valid_tokens);
  }
  return text;
}

}  // namespace

SweepEstimate estimate_sweep(const Plan& plan, const SweepSpec& spec, const Machine& machine) {
  SweepEstimate out;
  out.runs.reserve(plan.runs.size());
  for (const PlannedRun& run : plan.runs) out.runs.push_back(estimate_run(run, spec, machine));
  out.timetable = make_timetable(plan, out.runs, spec, machine.count);
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    if (!out.timetable.runs[i].trained) continue;
    out.gpu_seconds += out.runs[i].gpu_seconds();
    if (plan.runs[i].trunk)
      out.gpu_seconds_saved += static_cast<double>(plan.runs[i].trunk->step) *
                               out.runs[i].step_seconds * static_cast<double>(out.runs[i].gpus);
  }
  out.dollars = out.gpu_seconds / 3600 * machine.dollars_an_hour;
  out.text = text_of(plan, spec);
  return out;
}

std::vector<WiderRuns> with_wider_runs(const Plan& plan, const SweepSpec& spec, Machine machine) {
  std::vector<WiderRuns> rows;
  if (!machine.gpu) return rows;
  for (int64_t gpus = 1; gpus <= std::min(machine.count, machine.gpu->gpus_a_node); gpus *= 2) {
    machine.gpus_per_run = gpus;
    std::vector<RunEstimate> runs;
    WiderRuns row{.gpus_per_run = gpus};
    for (const PlannedRun& run : plan.runs) runs.push_back(estimate_run(run, spec, machine));
    const Timetable timetable = make_timetable(plan, runs, spec, machine.count);
    for (std::size_t i = 0; i < runs.size(); ++i)
      row.gpu_seconds += timetable.runs[i].trained ? runs[i].gpu_seconds() : 0;
    row.wall_seconds = timetable.wall_seconds;
    row.critical_seconds = timetable.critical_seconds;
    row.dollars = row.gpu_seconds / 3600 * machine.dollars_an_hour;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace crosslaw::sweep
