#include "sweep/schedule/ingest.h"

#include <fstream>
#include <iterator>

#include "trainer/recipe/run_files.h"

namespace crosslaw::sweep {

int64_t ingest_metrics(db::RunStore& store, const std::filesystem::path& sweep,
                       const std::string& folder, int64_t run_id, int64_t attempt_id,
                       int64_t offset) {
  std::ifstream input(trainer::metrics_file(sweep / folder), std::ios::binary);
  // No file yet is no news: the trainer writes it with its first line.
  if (!input || !input.seekg(offset)) return offset;
  std::string text{std::istreambuf_iterator<char>(input), {}};
  db::MetricsBatch batch;
  trainer::MetricsVisitor visitor;
  visitor.on_eval = [&](const trainer::EvalLine& e) {
    batch.evals.push_back({e.language, e.step, e.tokens_target, e.tokens_source, e.flops,
                           e.loss_nats, e.loss_nats_per_byte, e.end_of_schedule,
                           e.valid_tokens > 0 ? std::optional(e.valid_tokens) : std::nullopt});
  };
  visitor.on_train = [&](const trainer::TrainLines& t) {
    for (size_t i = 0; i < t.loss_nats.size(); ++i) {
      batch.train_losses.push_back(
          {t.first_step + static_cast<int64_t>(i), t.loss_nats[i], t.gradient_norm[i]});
    }
  };
  visitor.on_checkpoint = [&](const trainer::CheckpointLine& c) {
    batch.checkpoints.push_back({c.step, folder + "/" + c.folder});
  };
  visitor.on_choices = [&](const trainer::ChoiceLine& c) {
    batch.choices.push_back(
        {c.name, c.step, c.questions, c.correct, c.correct_by_byte, c.answer_nats_per_byte});
  };
  size_t used = trainer::read_metrics(text, visitor, &batch.damaged_lines);
  // Saves a transaction in most of the ten looks a second.
  if (used == 0) return offset;
  batch.log_offset = offset + static_cast<int64_t>(used);
  store.ingest(run_id, attempt_id, batch);
  return batch.log_offset;
}

}  // namespace crosslaw::sweep
