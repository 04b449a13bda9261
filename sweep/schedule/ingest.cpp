#include "sweep/schedule/ingest.h"

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <utility>

namespace crosslaw::sweep {

int64_t ingest_metrics(db::RunStore& store, const std::filesystem::path& sweep,
                       const std::string& folder, int64_t run_id, int64_t attempt_id,
                       int64_t offset, trainer::LineChecks checks) {
  std::ifstream input(trainer::metrics_file(sweep / folder), std::ios::binary | std::ios::ate);
  // No file yet is no news: the trainer writes it with its first line.
  const auto size = input ? static_cast<int64_t>(input.tellg()) : 0;
  if (size <= offset || !input.seekg(offset)) return offset;
  std::string text(static_cast<std::size_t>(size - offset), '\0');
  input.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(input.gcount()));
  db::MetricsBatch batch;
  trainer::MetricsVisitor visitor;
  visitor.on_eval = [&](const trainer::EvalLine& e) {
    batch.evals.push_back({e.language, e.step, e.tokens_target, e.tokens_source, e.flops,
                           e.loss_nats, e.loss_nats_per_byte, e.end_of_schedule,
                           e.valid_tokens > 0 ? std::optional(e.valid_tokens) : std::nullopt,
                           e.seen_tokens > 0 ? std::optional(e.seen_tokens) : std::nullopt,
                           e.loss_seen_nats});
  };
  visitor.on_train = [&](const trainer::TrainLines& t) {
    for (size_t i = 0; i < t.loss_nats.size(); ++i) {
      batch.train_losses.push_back(
          {t.first_step + static_cast<int64_t>(i), t.loss_nats[i], t.gradient_norm[i]});
    }
  };
  visitor.on_checkpoint = [&](const trainer::CheckpointLine& c) {
    // Its name follows from its step, and a folder of any other name is none.
    const std::string name = trainer::checkpoint_name(c.step);
    if (c.folder == name) batch.checkpoints.push_back({c.step, folder + "/" + name});
    batch.damaged_lines += c.folder != name;
  };
  visitor.on_choices = [&](const trainer::ChoiceLine& c) {
    batch.choices.push_back(
        {c.name, c.step, c.questions, c.correct, c.correct_by_byte, c.answer_nats_per_byte});
  };
  size_t used = trainer::read_metrics(text, visitor, &batch.damaged_lines, checks);
  // Saves a transaction in most of the ten looks a second.
  if (used == 0) return offset;
  batch.log_offset = offset + static_cast<int64_t>(used);
  store.ingest(run_id, attempt_id, batch);
  return batch.log_offset;
}

MissingLosses missing_losses(const db::RunStore& store, int64_t run_id,
                             const trainer::TrainConfig& config) {
  std::set<int64_t> steps(config.execution.evaluation_steps.begin(),
                          config.execution.evaluation_steps.end());
  const int64_t end = config.recipe.schedule.steps;
  steps.insert(end);
  const std::set<std::pair<int64_t, std::string>> found = store.measured(run_id);
  MissingLosses missing;
  for (int64_t step : steps) {
    for (const trainer::ValidationSet& set : config.recipe.validation) {
      // The first set is measured always.
      if (step != 0 && step != end && config.execution.others_at_ends_only &&
          &set != &config.recipe.validation.front())
        break;
      ++missing.planned;
      if (found.contains({step, set.language})) continue;
      if (missing.count++ == 0) missing.first_step = step, missing.first_language = set.language;
    }
  }
  const std::set<std::string> scored = store.scored(run_id);
  for (const auto& choices : config.execution.choice_files) {
    ++missing.planned;
    if (scored.contains(choices.first)) continue;
    if (missing.count++ == 0) missing.first_step = end, missing.first_language = choices.first;
  }
  return missing;
}

std::string describe(const MissingLosses& missing) {
  return fmt::format(
      "{} of its {} validation losses are damaged or missing in metrics.jsonl, the first that of "
      "{} after step {}",
      missing.count, missing.planned, missing.first_language, missing.first_step);
}

}  // namespace crosslaw::sweep
