#include "apps/commands/data_source.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <utility>

#include "apps/study/sweep_folder.h"

namespace crosslaw::apps {
namespace {

constexpr const char* kStandardInput = "-";

bool names_columns(const fit::DataFileOptions& file) {
  const fit::DataFileOptions usual;
  return file.params != usual.params || file.tokens != usual.tokens || file.loss != usual.loss ||
         !file.where.empty() || !file.cluster.empty() || !file.weight.empty() ||
         !file.stage.empty() || !file.unique.empty() || !file.compute.empty();
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
  command.add_option("--data", file.path,
                     "CSV, TSV or JSON lines with one trained model a row; -: standard input");
  command.add_option("--params", file.params, "column of N, the parameters; or a sum, A+B")
      ->capture_default_str();
  command.add_option("--tokens", file.tokens, "column of D, the number of tokens")
      ->capture_default_str();
  command.add_option("--loss", file.loss, "column of the loss")->capture_default_str();
  command.add_option("--where", file.where, "keep rows with COLUMN=VALUE (also != < <= > >=)")
      ->allow_extra_args(false)
      ->type_name("COLUMN=VALUE");
  command.add_option("--cluster", file.cluster,
                     "column naming the run of a row (or several, A+B); runs are resampled whole");
  command.add_option("--weight", file.weight, "column of weights in the objective");
  command.add_option("--stage", file.stage, "column saying scratch or continued");
  command.add_option("--unique", file.unique, "column of the distinct tokens among D");
  command.add_option("--compute", file.compute, "column of the training FLOPs [6 N D]");
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
  if (sweep && names_columns(options.file)) {
    throw std::invalid_argument(
        "--params, --tokens, --loss, --where, --cluster, --weight, --stage, --unique and --compute "
        "name columns of --data FILE; of a sweep's folder --count, --points and --exact-flops "
        "choose, and crosslaw export writes it as such a file");
  }
}

std::string read_source_text(const fit::DataFileOptions& file) {
  if (file.path != kStandardInput) return fit::read_text(file.path);
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

Dataset read_file(const fit::DataFileOptions& file) {
  return dataset_of_text(read_source_text(file), file);
}

std::vector<Strategy> read_strategies(const DataSourceOptions& options) {
  if (options.directory.empty()) return {{"", read_file(options.file)}};
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
