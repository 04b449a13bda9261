// What each table and column means, in words and units.
#include "db/schema_guide.h"

namespace crosslaw::db {
namespace {

constexpr ColumnGuide kKey{"key", "", "the run's identity: SHA-256 of its recipe"};
constexpr ColumnGuide kStrategy{"strategy", "", "name of the [[strategy]]"};
constexpr ColumnGuide kLanguage{"language", "", "it is trained on, the target"};
constexpr ColumnGuide kSourceLanguage{"source_language", "",
                                      "of a continued run; NULL from scratch"};
constexpr ColumnGuide kReplay{"replay", "share", "of source-language tokens"};
constexpr ColumnGuide kSize{"size", "", "name in the ladder"};
constexpr ColumnGuide kSeed{"seed", "", "of initial weights and of the text's order"};
constexpr ColumnGuide kEmbedding{"params_embedding", "parameters", "of the embedding"};
constexpr ColumnGuide kUnembedding{"params_unembedding", "parameters", "of the head; 0 when tied"};
constexpr ColumnGuide kBlocks{"params_blocks", "parameters", "of the layers' matrices"};
constexpr ColumnGuide kNorms{"params_norms", "parameters", "of all norms"};
constexpr ColumnGuide kBudgetParams{"params_budget", "parameters",
                                    "what tokens_per_param multiplied"};
constexpr ColumnGuide kRunId{"run_id", "", "the run: run.id"};
constexpr ColumnGuide kAttemptId{"attempt_id", "", "the attempt that said so: attempt.id"};

constexpr ColumnGuide kBuild{"build", "", "version and commit of the crosslaw that started it"};
constexpr ColumnGuide kProgram{"program_sha256", "", "of the trainer's file"};
constexpr ColumnGuide kData{"data_sha256", "", "of the hashes of tokenizer and texts"};
constexpr ColumnGuide kGpuName{"gpu_name", "", "as the driver calls its GPU"};
constexpr ColumnGuide kDriver{"driver", "", "version of the GPU's driver"};
constexpr ColumnGuide kGpus{"gpus", "", "how many it uses; NULL on the CPU"};
constexpr ColumnGuide kGpuSeconds{"gpu_seconds", "GPU s", "from start to end; NULL on the CPU"};

constexpr ColumnGuide kTokensBase{"tokens_base", "tokens",
                                  "that the continued model had seen before: D1"};
constexpr ColumnGuide kBaseRatio{"base_tokens_per_param", "tokens a param",
                                 "the same, as the spec has it"};
constexpr ColumnGuide kBasePhase{"base_phase", "", "end of a run, or of its stable phase"};
constexpr ColumnGuide kSeenShare{"valid_seen_share", "share",
                                 "of its validation text that it is expected to have seen"};
constexpr ColumnGuide kSearch{"search", "0 or 1", "1: it only searches learning rate and batch"};
constexpr ColumnGuide kValidTokens{"valid_tokens", "tokens", "that the loss is the mean of"};
constexpr ColumnGuide kSeenTokens{
    "seen_tokens", "tokens", "of these, in windows that training text holds in part; NULL: none"};
constexpr ColumnGuide kLossSeen{"loss_seen_nats", "nats a token", "mean loss of those"};

// Of the views losses and observations, which have the same.
std::vector<ColumnGuide> loss_columns() {
  return {
      kStrategy,
      kLanguage,
      kSourceLanguage,
      kSize,
      kSeed,
      kReplay,
      kTokensBase,
      kBaseRatio,
      kBasePhase,
      kEmbedding,
      kUnembedding,
      kBlocks,
      kNorms,
      {"tokens_target", "tokens", "trained so far, of the run's language"},
      {"tokens_source", "tokens", "trained so far in this run, of the source language"},
      {"tokens_total", "tokens", "both"},
      {"flops", "FLOPs", "trained so far, exact: head and attention included"},
      {"valid_language", "", "of the text that was measured"},
      kValidTokens,
      {"loss_nats", "nats a token", "validation loss; NULL when it was not finite"},
      {"loss_nats_per_byte", "nats a byte", "the same per UTF-8 byte: compares tokenizers"},
      {"bits_per_byte", "bits a byte", "the same in bits"},
      {"end_of_schedule", "0 or 1", "1 at the end of the learning-rate schedule"},
      {"step", "steps", "optimizer steps so far; 0: the model that a continued run begins from"},
      {"run", "", "the run's name"},
      kKey,
      kBudgetParams,
      {"outcome", "", "of the run, as in run_results"},
      kRunId,
      kSeenTokens,
      kLossSeen,
      {"loss_clean_nats", "nats a token", "mean loss of the others; NULL: all are clean"}};
}

TableGuide losses_guide() {
  return {"losses", true, "a validation loss on any text", loss_columns()};
}

TableGuide observations_guide() {
  return {"observations", true, "a validation loss on the run's own language, behind step 0",
          loss_columns()};
}

TableGuide run_results_guide() {
  return {"run_results",
          true,
          "a planned run and how it stands",
          {kRunId,
           kKey,
           {"name", "", "of the run"},
           kStrategy,
           kLanguage,
           kSourceLanguage,
           kReplay,
           kSize,
           kSeed,
           kEmbedding,
           kUnembedding,
           kBlocks,
           kNorms,
           {"params_total", "parameters", "the sum of the four"},
           kBudgetParams,
           {"steps", "steps", "planned"},
           {"tokens_target", "tokens", "planned"},
           {"tokens_source", "tokens", "planned"},
           {"tokens_total", "tokens", "planned"},
           {"flops", "FLOPs", "planned, exact"},
           {"outcome", "", "pending, started, or what the last attempt ended with"},
           {"loss_nats", "nats a token", "at the last step"},
           {"loss_nats_per_byte", "nats a byte", "at the last step"},
           {"attempts", "", "how often it was started"},
           {"seconds", "s", "trained, of all attempts"},
           {"device", "", "of the last attempt: cpu or cuda"},
           {"message", "", "of the last attempt's end"},
           {"parent_key", "", "the run whose weights it continues"},
           kTokensBase,
           kBaseRatio,
           kBasePhase,
           kSeenShare,
           kSearch}};
}

TableGuide sweep_guide() {
  return {"sweep",
          false,
          "in all",
          {{"id", "", "1"},
           {"name", "", "of the spec"},
           {"spec", "", "resolved, as TOML"},
           {"crosslaw", "", "version that wrote it last"},
           {"created_ms", "ms since 1970", ""}}};
}

TableGuide run_guide() {
  return {"run",
          false,
          "a planned training, retired ones too",
          {{"id", "", ""},
           kKey,
           {"name", "", "unique in the plan"},
           {"recipe", "JSON", "all that can change a loss"},
           kStrategy,
           kLanguage,
           kSourceLanguage,
           kReplay,
           kSize,
           kSeed,
           kEmbedding,
           kUnembedding,
           kBlocks,
           kNorms,
           kBudgetParams,
           {"steps", "steps", "planned"},
           {"tokens_target", "tokens", "planned"},
           {"tokens_source", "tokens", "planned"},
           {"flops", "FLOPs", "planned, exact"},
           {"parent_key", "", "the run whose weights it continues"},
           {"retired", "0 or 1", "1: the spec no longer asks for it"},
           {"cancelled", "0 or 1", "1: taken out by the user, until crosslaw retry"},
           kTokensBase,
           kBaseRatio,
           kBasePhase,
           kSeenShare,
           kSearch}};
}

TableGuide attempt_guide() {
  return {"attempt",
          false,
          "a start of a trainer",
          {{"id", "", ""},
           kRunId,
           {"n", "", "1 for a run's first"},
           {"token", "", "random name that its result must carry"},
           {"folder", "path", "of its files, below the sweep's"},
           {"device", "", "cpu or cuda"},
           {"host", "", "that started it"},
           {"boot_id", "", "of that host's kernel, of this boot"},
           {"pid", "", "its process there"},
           {"pid_start", "ticks since boot", "when that process began"},
           {"log_offset", "bytes", "of metrics.jsonl that are in the tables"},
           {"damaged_lines", "lines", "of metrics.jsonl that could not be read"},
           {"started_ms", "ms since 1970", ""},
           {"ended_ms", "ms since 1970", "NULL while it has not been seen to end"},
           {"outcome", "", "done, diverged, stopped, killed, out_of_memory, crashed, ..."},
           {"message", "", "what it said at its end"},
           {"exit_code", "", "of the process, where it is known"},
           {"exit_signal", "", "that ended the process"},
           {"start_step", "steps", "where it began"},
           {"step", "steps", "that it reached"},
           {"seconds", "s", "trained"},
           {"tokens_per_second", "tokens a s", "while it trained"},
           {"provenance", "JSON", "what the trainer said of itself: versions, device"},
           {"backend", "", "local, slurm or command"},
           {"job", "", "its name in a batch system"},
           {"node", "", "machine that the batch system chose"},
           {"gpu_uuid", "", "of the GPU it was promised"},
           {"micro_batch", "sequences", "of one micro-batch: as asked for, then as used"},
           kBuild,
           kProgram,
           kData,
           kGpuName,
           kDriver,
           kGpus,
           kGpuSeconds}};
}

TableGuide attempts_guide() {
  return {"attempts",
          true,
          "a start of a trainer, with what it trained and on what",
          {{"run", "", "the run's name"},
           kKey,
           kStrategy,
           kLanguage,
           kSize,
           kSeed,
           {"n", "", "1 for a run's first"},
           {"outcome", "", "NULL while it has not been seen to end"},
           {"message", "", "what it said at its end"},
           {"device", "", "cpu or cuda"},
           {"host", "", "that started it"},
           {"node", "", "machine that the batch system chose"},
           {"backend", "", "local, slurm or command"},
           {"job", "", "its name in a batch system"},
           kGpus,
           kGpuName,
           {"gpu_uuid", "", "of its GPU"},
           kDriver,
           kBuild,
           kProgram,
           kData,
           {"started", "UTC", "ISO 8601"},
           {"ended", "UTC", "ISO 8601"},
           {"start_step", "steps", "where it began"},
           {"step", "steps", "that it reached"},
           {"seconds", "s", "trained"},
           kGpuSeconds,
           {"tokens_per_second", "tokens a s", "while it trained"},
           {"micro_batch", "sequences", "of one micro-batch"},
           {"folder", "path", "of its files, below the sweep's"},
           {"provenance", "JSON", "what the trainer said of itself: versions, device"}}};
}

TableGuide eval_guide() {
  return {"eval",
          false,
          "a validation loss, of every language measured",
          {kRunId,
           {"language", "", "of the validation text"},
           {"step", "steps", "optimizer steps taken"},
           kAttemptId,
           {"tokens_target", "tokens", "trained so far, of the run's language"},
           {"tokens_source", "tokens", "trained so far in this run, of the source language"},
           {"flops", "FLOPs", "trained so far, exact"},
           {"loss_nats", "nats a token", "NULL when it was not finite"},
           {"loss_nats_per_byte", "nats a byte", ""},
           {"end_of_schedule", "0 or 1", "1 at the end of the learning-rate schedule"},
           kValidTokens,
           kSeenTokens,
           kLossSeen}};
}

TableGuide train_loss_guide() {
  return {"train_loss",
          false,
          "an optimizer step",
          {kRunId,
           {"step", "steps", "counted from 0"},
           {"loss_nats", "nats a token", "of the step's batch; NULL when it was not finite"},
           {"gradient_norm", "", "L2, before clipping"}}};
}

TableGuide checkpoint_guide() {
  return {"checkpoint",
          false,
          "a published checkpoint",
          {kRunId,
           {"step", "steps", "optimizer steps taken"},
           kAttemptId,
           {"folder", "path", "below the sweep's"}}};
}

TableGuide event_guide() {
  return {"event",
          false,
          "something that happened",
          {{"id", "", ""},
           {"at_ms", "ms since 1970", ""},
           {"run_id", "", "the run, where it is about one: run.id"},
           {"kind", "", ""},
           {"message", "", "in words"}}};
}

TableGuide fit_guide() {
  return {"fit",
          false,
          "a stored fit; derived, and made again where it is lost",
          {{"id", "", ""},
           {"created_ms", "ms since 1970", ""},
           {"language", "", "whose losses it describes"},
           {"name", "", "law and strategies"},
           {"input_sha256", "", "of the points it was fitted to"},
           {"result", "JSON", "as crosslaw fit --json prints it"},
           {"result_sha256", "", "of that"}}};
}

TableGuide choice_score_guide() {
  return {"choice_score",
          false,
          "a run and a set of multiple-choice questions",
          {kRunId,
           {"name", "", "of the [[choices]]"},
           {"step", "steps", "optimizer steps taken"},
           {"questions", "", "asked"},
           {"correct", "", "answered rightly by the likeliest choice"},
           {"correct_by_byte", "", "answered rightly by the likeliest choice per byte"},
           {"answer_nats_per_byte", "nats a byte", "mean loss on the right answers"}}};
}

TableGuide choice_scores_guide() {
  return {"choice_scores",
          true,
          "a run and a set of multiple-choice questions, with the run's settings",
          {{"choices", "", "name of the [[choices]]"},
           kStrategy,
           kLanguage,
           kSourceLanguage,
           kReplay,
           kBaseRatio,
           kSize,
           kSeed,
           {"tokens_target", "tokens", "trained"},
           {"tokens_source", "tokens", "trained"},
           {"loss_nats", "nats a token", "validation loss at the end"},
           {"questions", "", "asked"},
           {"correct", "", "answered rightly by the likeliest choice"},
           {"correct_by_byte", "", "answered rightly by the likeliest choice per byte"},
           {"answer_nats_per_byte", "nats a byte", "mean loss on the right answers"},
           {"run", "", "the run's name"},
           kKey}};
}

TableGuide evidence_guide() {
  return {"evidence",
          false,
          "a run whose attempts and losses can be checked",
          {kRunId, {"sha256", "", "of its attempts and losses as of its last attempt's end"}}};
}

}  // namespace

const std::vector<TableGuide>& schema_guide() {
  static const std::vector<TableGuide> guide = {
      observations_guide(), losses_guide(),     run_results_guide(), choice_scores_guide(),
      attempts_guide(),     sweep_guide(),      run_guide(),         attempt_guide(),
      eval_guide(),         train_loss_guide(), checkpoint_guide(),  choice_score_guide(),
      event_guide(),        fit_guide(),        evidence_guide()};
  return guide;
}

}  // namespace crosslaw::db
