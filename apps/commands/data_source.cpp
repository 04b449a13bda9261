#include "apps/commands/data_source.h"

#include <fmt/format.h>

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <utility>

#include "apps/commands/command_line_lists.h"
#include "apps/study/source_text.h"
#include "apps/study/sweep_folder.h"
#include "db/files/printable.h"

namespace crosslaw::apps {
namespace {

// The names of the flags that choose from a file and are set.
std::string file_flags_in_use(const fit::DataFileOptions& file) {
  std::vector<const char*> out;
  const auto add = [&](const char* flag, bool used) {
    if (used) out.push_back(flag);
  };
  add("--params", !file.params.empty());
  add("--tokens", !file.tokens.empty());
  add("--loss", !file.loss.empty());
  add("--where", !file.where.empty());
  add("--cluster", !file.cluster.empty());
  add("--weight", !file.weight.empty());
  add("--stage", !file.stage.empty());
  add("--unique", !file.unique.empty());
  add("--compute", !file.compute.empty());
  add("--ratio", !file.ratio.empty());
  add("--replay", !file.replay.empty());
  add("--base-tokens", !file.base_tokens.empty());
  add("--loss-before", !file.loss_before.empty());
  add("--params-unit", !file.params_unit.empty());
  add("--tokens-unit", !file.tokens_unit.empty());
  add("--flops-unit", !file.flops_unit.empty());
  add("--loss-unit", !file.loss_unit.empty());
  add("--best-of", !file.best_of.empty());
  add("--mean-of", !file.mean_of.empty());
  add("--drop-missing", file.drop_missing);
  return fmt::format("{}", fmt::join(out, ", "));
}

void add_strategy(std::vector<Strategy>& out, const std::string& name, const Dataset& both,
                  fit::Stage stage) {
  Strategy one{name, only_stage(both, stage)};
  one.data.source = fmt::format("{}, {}", both.source, name);
  if (!one.data.data.points.empty()) out.push_back(std::move(one));
}

}  // namespace

void add_file_options(CLI::App& command, fit::DataFileOptions& file) {
  command.option_defaults()->group("Data of a file");
  command.add_option(
      "--data", file.path,
      "CSV, TSV, JSON or Markdown with one trained model a row, also .gz or .zst; -: "
      "standard input");
  command.add_option("--params", file.params,
                     "column of N, the parameters; or a sum, A+B [N, else guessed, else C/(6D)]");
  command.add_option("--tokens", file.tokens,
                     "column of D, the number of tokens [D, else guessed, else C/(6N)]");
  command.add_option("--loss", file.loss,
                     "column of the loss [guessed: a held-out one, else loss]");
  command.add_option("--where", file.where, "keep rows with COLUMN=VALUE (also != < <= > >=)")
      ->allow_extra_args(false)
      ->type_name("COLUMN=VALUE");
  command.add_option("--cluster", file.cluster,
                     "column naming the run of a row (or several, A+B); runs are resampled whole");
  command.add_option("--weight", file.weight, "column of weights in the objective");
  command.add_option("--stage", file.stage, "column saying scratch or continued");
  command.add_option("--unique", file.unique, "column of the distinct tokens among D");
  command.add_option("--compute", file.compute, "column of the training FLOPs [6 N D]");
  CLI::Option* ratio = command.add_option(
      "--ratio", file.ratio, "column of r, the share of target text among D, from 0 to 1 [1]");
  command.add_option("--replay", file.replay, "column of 1 - r, the share that is replayed")
      ->excludes(ratio);
  command.add_option("--base-tokens", file.base_tokens,
                     "column of D1, the tokens that the model had seen before");
  command.add_option("--loss-before", file.loss_before,
                     "column of L0, the loss on this text before training");
  command
      .add_option("--params-unit", file.params_unit,
                  "of the column of N: 1, K, M, B, T, log10 or ln [as its name says, else 1]")
      ->type_name("UNIT");
  command
      .add_option("--tokens-unit", file.tokens_unit,
                  "of the column of D: the same, per-param (it is D/N), or a number such as 2048")
      ->type_name("UNIT");
  command
      .add_option("--flops-unit", file.flops_unit,
                  "of the column of C: 1, GFLOPs, TFLOPs, PFLOPs, EFLOPs, PF-days or such as 1e18")
      ->type_name("UNIT");
  command
      .add_option("--loss-unit", file.loss_unit,
                  "of the losses: nats, bits, ppl (perplexity), bpb (bits a byte), nats-per-byte, "
                  "ln or log10 of nats")
      ->type_name("UNIT");
  add_column_list(command, "--best-of", file.best_of,
                  "of rows that are equal in these columns keep the smallest loss, such as N,D");
  add_column_list(command, "--mean-of", file.mean_of,
                  "of rows that are equal in these columns take the mean loss, such as N,D");
  command.add_flag("--drop-missing", file.drop_missing,
                   "leave out rows without a value in a used column, and count them");
  command.option_defaults()->group("Options");
}

void add_sweep_options(CLI::App& command, DataSourceOptions& options) {
  command.option_defaults()->group("Data of a sweep");
  command.add_option("--count", options.count, "of a sweep, N: all, no-embeddings or budget")
      ->capture_default_str();
  command
      .add_option("--points", options.points,
                  "of a sweep: losses at the ends of schedules, all, or auto")
      ->capture_default_str();
  command.add_flag("--exact-flops", options.exact_flops,
                   "of a sweep: C is the exact FLOPs of its runs, not 6ND");
  command.option_defaults()->group("Options");
}

void require_file_for_flags(const fit::DataFileOptions& file) {
  const std::string flags = file_flags_in_use(file);
  if (!file.path.empty() || flags.empty()) return;
  throw std::invalid_argument(
      fmt::format("{} say how to fit --data FILE, and there is none", flags));
}

void check_data_source(const DataSourceOptions& options) {
  const bool sweep = !options.directory.empty();
  const bool file = !options.file.path.empty();
  if (sweep && file) throw std::invalid_argument("give a sweep's folder or --data, not both");
  if (!sweep && !file) {
    throw std::invalid_argument("say what to fit: a sweep's folder or --data FILE");
  }
  const bool of_sweep = options.count != "all" || options.points != "auto" || options.exact_flops;
  if (file && of_sweep) {
    throw std::invalid_argument(
        "--count, --points and --exact-flops choose from a sweep's folder; a file says the same by "
        "its columns: --params, --where and --compute");
  }
  const std::string flags = file_flags_in_use(options.file);
  if (sweep && !flags.empty()) {
    throw std::invalid_argument(fmt::format(
        "{} name columns of --data FILE, or say how to read it; of a sweep's folder --count, "
        "--points and --exact-flops choose, and crosslaw export writes it as such a file",
        flags));
  }
}

void take_positional_file(DataSourceOptions& options) {
  std::string& named = options.directory;
  if (named.empty() || !options.file.path.empty()) return;
  std::error_code ignored;
  const bool folder = std::filesystem::is_directory(named, ignored);
  const bool there = std::filesystem::exists(named, ignored);
  const bool table = has_table_ending(named);
  if (named != kStandardInput && (folder || (!there && !table))) return;
  options.file.path = std::move(named);
  named.clear();
}

Dataset read_file(const fit::DataFileOptions& file, std::ostream& log) {
  Dataset out = dataset_of_text(read_source_text(file.path), file);
  for (const std::string& note : out.data.notes)
    log << db::printable(fmt::format("{}: {}\n", file.path, note));
  for (const fit::Doubt& doubt : out.data.doubts) {
    log << db::printable(fmt::format("crosslaw: warning: {}: {}\n", file.path, doubt.sentence));
  }
  return out;
}

std::vector<Strategy> read_strategies(const DataSourceOptions& options, std::ostream& log) {
  if (options.directory.empty()) return {{"", read_file(options.file, log)}};
  const PointChoice choice = find_point_choice(options.points);
  const ParamsCount count = find_params_count(options.count);
  const db::RunStore store = read_store(options.directory);
  const Observations observations(store, count);
  std::vector<Strategy> out;
  for (const LanguagePair& pair : observations.pairs()) {
    Dataset both = dataset_of_pair(observations, pair, choice, options.exact_flops);
    both.source = fmt::format("{} ({})", options.directory, both.language);
    add_strategy(out, "scratch", both, fit::Stage::kScratch);
    add_strategy(out, "continued", both, fit::Stage::kContinued);
  }
  return out;
}

nlohmann::ordered_json to_json(const Dataset& data) {
  nlohmann::ordered_json out = {
      {"source", data.source}, {"rows", data.data.rows}, {"used", data.data.points.size()},
      {"where", data.where},   {"params", data.params},  {"tokens", data.tokens},
      {"loss", data.loss}};
  if (!data.data.loss_unit.empty()) out["loss_unit"] = data.data.loss_unit;
  if (!data.data.notes.empty()) out["notes"] = data.data.notes;
  for (const fit::Doubt& doubt : data.data.doubts) out["warnings"].push_back(doubt.sentence);
  if (!data.data.fingerprint.empty()) out["fnv1a64"] = data.data.fingerprint;
  return out;
}

std::string describe(const Dataset& data) {
  return fmt::format("{}: {} of {} rows\n", data.source, data.data.points.size(), data.data.rows);
}

charts::DataNames names_of(const Dataset& data) {
  charts::DataNames out;
  out.source = data.source;
  if (!data.language.empty()) return out;
  out.params = data.params;
  out.tokens = data.tokens;
  out.loss = data.loss;
  return out;
}

}  // namespace crosslaw::apps
