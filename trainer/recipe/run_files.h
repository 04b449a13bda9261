#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/files/outcome.h"

namespace crosslaw::trainer {

// The files of an attempt, written by crosslaw-train and read by the sweep:
// metrics.jsonl grows by whole lines, heartbeat holds the current step, result.json appears at the
// end.

struct EvalLine {
  int64_t step = 0;  // optimizer steps taken
  std::string language;
  std::optional<double> loss_nats;           // per token; nothing when it is not finite
  std::optional<double> loss_nats_per_byte;  // per UTF-8 byte of the validation text
  int64_t tokens_target = 0;                 // trained so far, of the mixture's first language
  int64_t tokens_source = 0;                 // of its other languages
  double flops = 0;
  bool end_of_schedule = false;
  int64_t valid_tokens = 0;  // that the loss is the mean of; 0: not said
  // Of the windows that training text holds in part: their tokens, and their mean loss.
  int64_t seen_tokens = 0;
  std::optional<double> loss_seen_nats;
};

// Losses of consecutive optimizer steps, the first of which is `first_step` (counted from 0).
struct TrainLines {
  int64_t first_step = 0;
  std::vector<std::optional<double>> loss_nats;
  std::vector<std::optional<double>> gradient_norm;
};

// What a model answered at the end of its run to a set of multiple-choice questions.
struct ChoiceLine {
  int64_t step = 0;
  std::string name;  // of the set
  int64_t questions = 0;
  int64_t correct = 0;                         // by the likeliest choice
  int64_t correct_by_byte = 0;                 // by the likeliest per byte
  std::optional<double> answer_nats_per_byte;  // of the right choices, mean over the questions
};

struct CheckpointLine {
  int64_t step = 0;
  std::string folder;  // name inside the attempt's folder
};

std::string to_line(const EvalLine& line);
std::string to_line(const TrainLines& lines);
std::string to_line(const CheckpointLine& line);
std::string to_line(const ChoiceLine& line);

struct MetricsVisitor {
  std::function<void(const EvalLine&)> on_eval;
  std::function<void(const TrainLines&)> on_train;
  std::function<void(const CheckpointLine&)> on_checkpoint;
  std::function<void(const ChoiceLine&)> on_choices;  // may be empty
};

// Whether a line must end with a check of itself; trainers of earlier versions wrote none.
enum class LineChecks { kRequired, kWhereThere };

// Hands each whole line of `text` to the visitor and returns how many bytes they make up; a last
// line without its end is left. Lines that are no metrics, or not those that were written (a disk
// error), are skipped and counted in `damaged`.
size_t read_metrics(std::string_view text, const MetricsVisitor& visitor, int64_t* damaged,
                    LineChecks checks = LineChecks::kRequired);

using db::Outcome;  // of which a trainer writes kDone to kCrashed

struct RunResult {
  std::string token;  // of the attempt that wrote it
  Outcome outcome = Outcome::kCrashed;
  std::string message;
  int64_t step = 0;
  std::string checkpoint;  // folder of the last published checkpoint; empty: none
  double seconds = 0;
  double tokens_per_second = 0;
  int64_t micro_batch_sequences = 0;  // that fitted into memory in the end; 0: it never came so far
  int64_t start_step = 0;             // where this attempt started
  std::string provenance = "{}";      // JSON: host, device, versions
};

void publish_result(const RunResult& result, const std::filesystem::path& folder);
// Nothing when there is none; a damaged one counts as none.
std::optional<RunResult> read_result(const std::filesystem::path& folder);

std::filesystem::path config_file(const std::filesystem::path& folder);
std::filesystem::path metrics_file(const std::filesystem::path& folder);
std::filesystem::path heartbeat_file(const std::filesystem::path& folder);
std::filesystem::path result_file(const std::filesystem::path& folder);
std::filesystem::path log_file(const std::filesystem::path& folder);
std::string checkpoint_name(int64_t step);

// Exit codes of crosslaw-train.
inline constexpr int kExitDone = 0;  // done or diverged: result.json tells
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadConfig = 2;
inline constexpr int kExitStartAgain = 75;  // stopped after publishing a checkpoint

// How an attempt ends that never came to train, in the codes that shells and sysexits.h use.
inline constexpr int kExitCannotStart = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitNotLetGo = kExitStartAgain;  // EX_TEMPFAIL: its launcher died first
inline constexpr int kExitNoDevice = 69;               // the queue gave it no GPU

}  // namespace crosslaw::trainer
