#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/plan_fits.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/quantities.h"
#include "db/files/printable.h"
#include "fit/write/table.h"
#include "sweep/plan/base_cost.h"
#include "sweep/plan/plan.h"
#include "sweep/plan/run_gpus.h"
#include "sweep/plan/text_checks.h"
#include "sweep/schedule/run_speed.h"
#include "trainer/recipe/memory_model.h"

namespace crosslaw::apps {
namespace {

struct PlanOptions {
  std::string spec;
  std::string folder;
  bool json = false;
  bool wide = false;
  FitsOptions fits;
};

// Price of a run, before anything is trained. Memory is of one slot.
struct Price {
  double seconds = 0, slot_seconds = 0, dollars = 0, memory_bytes = 0, disk_bytes = 0;
};

Price price_of(const sweep::PlannedRun& run, const sweep::SweepSpec& spec) {
  bool gpu = spec.launch.devices == "gpu";
  Price price;
  price.slot_seconds = run.flops_to_train() / sweep::RunSpeed::assumed(spec.launch, gpu);
  price.seconds = price.slot_seconds / static_cast<double>(gpu ? run.gpus : 1);
  price.dollars = price.slot_seconds / 3600 * spec.launch.dollars_per_hour;
  price.memory_bytes =
      trainer::memory_use(gpu ? sweep::gpu_setup(run.recipe, run.gpus)
                              : trainer::TrainingSetup{run.recipe.model, run.recipe.context_tokens,
                                                       run.recipe.batch_sequences, 1, false, false})
          .total();
  price.disk_bytes = run.checkpoint_bytes();
  return price;
}

std::map<std::string, std::string> outcomes_by_name(const std::string& folder) {
  std::map<std::string, std::string> outcomes;
  if (folder.empty()) return outcomes;
  for (const db::RunResultRow& row : read_store(folder).results())
    outcomes[row.name] = db::name_of(row.outcome);
  return outcomes;
}

struct Totals {
  double flops_6nd = 0, flops_exact = 0, flops_to_train = 0, seconds = 0, dollars = 0,
         disk_bytes = 0;
  double smallest_6nd = 0, largest_6nd = 0;
  int64_t tokens = 0;
};

Totals totals_of(const sweep::Plan& plan, const sweep::SweepSpec& spec) {
  Totals t;
  for (const sweep::PlannedRun& run : plan.runs) {
    Price price = price_of(run, spec);
    double flops = run.flops_6nd();
    t.flops_6nd += flops, t.flops_exact += run.row.flops, t.flops_to_train += run.flops_to_train();
    t.seconds += price.slot_seconds, t.dollars += price.dollars, t.disk_bytes += price.disk_bytes;
    t.tokens += run.row.tokens_target + run.row.tokens_source;
    t.smallest_6nd = t.smallest_6nd == 0 ? flops : std::min(t.smallest_6nd, flops);
    t.largest_6nd = std::max(t.largest_6nd, flops);
  }
  return t;
}

nlohmann::json json_of(const sweep::Plan& plan, const sweep::SweepSpec& spec,
                       const std::optional<sweep::BaseCost>& bases,
                       const std::map<std::string, std::string>& outcomes) {
  nlohmann::json runs = nlohmann::json::array();
  for (const sweep::PlannedRun& run : plan.runs) {
    const db::RunRow& row = run.row;
    Price price = price_of(run, spec);
    nlohmann::json j = {{"name", run.name},
                        {"strategy", row.strategy},
                        {"language", row.language},
                        {"replay", row.replay},
                        {"size", row.size},
                        {"seed", row.seed},
                        {"search", row.search},
                        {"params", row.params_budget},
                        {"params_embedding", row.params_embedding},
                        {"params_unembedding", row.params_unembedding},
                        {"params_blocks", row.params_blocks},
                        {"params_norms", row.params_norms},
                        {"tokens_per_param", run.tokens_per_param},
                        {"tokens_target", row.tokens_target},
                        {"tokens_source", row.tokens_source},
                        {"steps", row.steps},
                        {"warmup_steps", run.recipe.schedule.warmup_steps},
                        {"peak_learning_rate", run.recipe.schedule.peak_learning_rate},
                        {"batch_tokens", run.recipe.batch_tokens()},
                        {"flops_6nd", run.flops_6nd()},
                        {"flops_exact", row.flops},
                        {"flops_to_train", run.flops_to_train()},
                        {"gpus", run.gpus},
                        {"seconds_estimate", price.seconds},
                        {"dollars_estimate", price.dollars},
                        {"memory_bytes_estimate", price.memory_bytes},
                        {"disk_bytes_estimate", price.disk_bytes}};
    j["continues"] =
        run.parent ? nlohmann::json(plan.runs[run.parent->run].name) : nlohmann::json(nullptr);
    const auto or_null = [](const auto& value) {
      return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
    };
    j["continues_step"] = run.parent ? nlohmann::json(run.parent->step) : nlohmann::json(nullptr);
    j["tokens_base"] = or_null(row.tokens_base);
    j["base_tokens_per_param"] = or_null(row.base_tokens_per_param);
    j["base_phase"] = or_null(row.base_phase);
    j["branches_off"] =
        run.trunk ? nlohmann::json(plan.runs[run.trunk->run].name) : nlohmann::json(nullptr);
    auto outcome = outcomes.find(run.name);
    if (outcome != outcomes.end()) j["outcome"] = outcome->second;
    runs.push_back(j);
  }
  Totals t = totals_of(plan, spec);
  nlohmann::json beyond = nullptr;  // what base budgets add to the plain sweep
  if (bases) {
    beyond = {{"runs", bases->runs},
              {"flops_to_train", bases->flops_to_train},
              {"disk_bytes_estimate", bases->checkpoint_bytes}};
  }
  return {{"schema", 1},
          {"name", spec.name},
          {"runs", runs},
          {"warnings", plan.warnings},
          {"base_budgets", beyond},
          {"totals",
           {{"runs", plan.runs.size()},
            {"tokens", t.tokens},
            {"flops_6nd", t.flops_6nd},
            {"flops_exact", t.flops_exact},
            {"flops_to_train", t.flops_to_train},
            {"smallest_flops_6nd", t.smallest_6nd},
            {"largest_flops_6nd", t.largest_6nd},
            {"slot_seconds_estimate", t.seconds},
            {"dollars_estimate", t.dollars},
            {"disk_bytes_estimate", t.disk_bytes}}}};
}

std::string start_of(const sweep::Plan& plan, const sweep::PlannedRun& run) {
  if (run.trunk)
    return fmt::format("step {} of {}", run.trunk->step, plan.runs[run.trunk->run].name);
  if (!run.start_model.empty()) return run.start_model;
  if (!run.parent) return "random weights";
  const sweep::PlannedRun& parent = plan.runs[run.parent->run];
  return sweep::is_end(parent, *run.parent)
             ? parent.name
             : fmt::format("step {} of {}", run.parent->step, parent.name);
}

void print_text(const sweep::Plan& plan, const sweep::SweepSpec& spec,
                const std::optional<sweep::BaseCost>& bases,
                const std::map<std::string, std::string>& outcomes, bool wide) {
  fit::Table table;
  const bool several = std::any_of(plan.runs.begin(), plan.runs.end(),
                                   [](const sweep::PlannedRun& run) { return run.gpus > 1; });
  table.header = {"run",   "params N", "tokens D", "6ND FLOPs", "exact FLOPs", "steps",
                  "batch", "lr",       "time",     "memory",    "disk",        "starts from"};
  table.align = "lrrrrrrrrrrl";
  if (several) table.header.insert(table.header.begin() + 8, "GPUs"), table.align.insert(8, "r");
  for (const sweep::PlannedRun& run : plan.runs) {
    Price price = price_of(run, spec);
    const std::string start = start_of(plan, run);
    auto outcome = outcomes.find(run.name);
    table.rows.push_back(
        {run.name, fit::short_count(static_cast<double>(run.row.params_budget)),
         fit::short_count(static_cast<double>(run.row.tokens_target + run.row.tokens_source)),
         format_flops(run.flops_6nd()), format_flops(run.row.flops),
         fmt::format("{}", run.row.steps),
         fit::short_count(static_cast<double>(run.recipe.batch_tokens())),
         fmt::format("{:.3g}", run.recipe.schedule.peak_learning_rate),
         format_seconds(price.seconds), format_bytes(price.memory_bytes),
         format_bytes(price.disk_bytes),
         outcome == outcomes.end() ? start : fmt::format("{} ({})", start, outcome->second)});
    auto& row = table.rows.back();
    if (several) row.insert(row.begin() + 8, std::to_string(run.gpus));
  }
  fmt::print("{}",
             fit::render(table, wide ? fit::TableFormat::kWideText : fit::TableFormat::kText));
  Totals t = totals_of(plan, spec);
  bool gpu = spec.launch.devices == "gpu";
  fmt::print("\n{} runs, {} tokens, {} FLOPs by 6ND (smallest {}, largest {}); exact {}",
             plan.runs.size(), fit::short_count(static_cast<double>(t.tokens)),
             format_flops(t.flops_6nd), format_flops(t.smallest_6nd), format_flops(t.largest_6nd),
             format_flops(t.flops_exact));
  if (t.flops_to_train < t.flops_exact)
    fmt::print(", of which {} are trained, for runs of one trajectory share their steps",
               format_flops(t.flops_to_train));
  fmt::print("\nabout {} on one {} at an assumed {} FLOP/s", format_seconds(t.seconds),
             gpu ? "GPU" : "CPU slot", format_flops(sweep::RunSpeed::assumed(spec.launch, gpu)));
  if (t.dollars > 0) fmt::print(", {:.0f} dollars", t.dollars);
  fmt::print("; {} of checkpoints\n", format_bytes(t.disk_bytes));
  if (bases) {
    fmt::print(
        "base budgets: {} runs, {} FLOPs ({:.0f} %) and {} of checkpoints beyond the plain sweep\n",
        bases->runs, format_flops(bases->flops_to_train),
        100 * bases->flops_to_train / std::max(1.0, t.flops_to_train - bases->flops_to_train),
        format_bytes(bases->checkpoint_bytes));
  }
  for (const std::string& warning : plan.warnings)
    fmt::print("{}\n", fit::wrapped("warning: " + warning, fit::kPageColumns, 9));
}

int run_plan(const PlanOptions& options) {
  require_fits_options(options.fits);
  sweep::SweepSpec spec = sweep::read_spec(file_or_preset(options.spec, ".toml"));
  const auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  const sweep::Plan plan = sweep::make_plan(spec, ladder, nullptr);
  if (options.fits.wanted) {
    print_fits(plan, options.fits);
    return 0;
  }
  const std::optional<sweep::BaseCost> bases = sweep::cost_of_bases(spec, ladder, plan);
  if (const std::string missing = sweep::check_texts(spec); !missing.empty())
    fmt::print(stderr, "crosslaw: before it can run: {}\n", db::printable(missing));
  auto outcomes = outcomes_by_name(options.folder);
  if (options.json) {
    fmt::print("{}\n", json_of(plan, spec, bases, outcomes).dump());
  } else {
    print_text(plan, spec, bases, outcomes, options.wide);
  }
  return 0;
}

}  // namespace

void add_plan_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command = app.add_subcommand("plan",
                                         "List every run of a spec with parameters, tokens, FLOPs, "
                                         "time, memory and disk; touches nothing");
  command->add_option("spec", options->spec, "The sweep's spec (TOML), or a preset: demo, paper")
      ->required();
  command->add_option("--dir", options->folder,
                      "A sweep's folder: also show each run's outcome there");
  command->add_flag("--json", options->json, "One JSON object with exact numbers");
  command->add_flag("--wide", options->wide, "every column, not only what fits a page");
  command->add_flag("--fits", options->fits.wanted,
                    "instead, the sizes that fit GPUs: micro-batch and bytes of each");
  add_number_list(*command, "--gpus", options->fits.gpus,
                  "with --fits: GPUs of one run, by default 1,8");
  add_number_list(*command, "--card-gb", options->fits.card_gb,
                  "with --fits: memory of a GPU in GB, by default 80,141");
  command->add_flag("--csv", options->fits.csv, "with --fits: CSV with bytes by kind");
  command->callback([options, &exit_code] {
    options->fits.json = options->json;
    exit_code = run_plan(*options);
  });
}

}  // namespace crosslaw::apps
