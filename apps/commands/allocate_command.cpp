#include "apps/commands/allocate_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

#include "apps/commands/allocate_output.h"
#include "apps/commands/command_line_errors.h"
#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/n_conventions.h"
#include "apps/commands/unread_columns.h"
#include "apps/study/allocation_choices.h"
#include "apps/study/sweep_folder.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

// A fit to allocate by, and what its source says of budgets and sizes.
struct Question {
  SourcedFit fit;
  std::string reason;  // of a sweep: why by this fit
  std::vector<double> budgets;
  std::vector<fit::LadderSize> ladder;
};

void require_one_source(const AllocateCommandOptions& options) {
  const int sources = !options.source.directory.empty() + !options.source.file.path.empty() +
                      !options.given.file.empty() + !options.given.coefficients.empty();
  if (sources == 1) return;
  throw std::invalid_argument(
      "say what to allocate with exactly one of a sweep's folder, --data FILE, --fit FIT.json, "
      "--coefficients LIST");
}

// Flags that would be ignored are refused.
void check_options(const AllocateCommandOptions& options) {
  output_format(options.output);
  require_plot(options.output.plot);
  const bool given = !options.given.file.empty() || !options.given.coefficients.empty();
  if (!options.conventions.empty()) {
    if (given || (options.source.directory.empty() && options.source.file.path.empty())) {
      throw std::invalid_argument(
          "--n-conventions refits, so it needs --data FILE or a sweep's folder");
    }
    if (!options.output.plot.empty() || !options.ladder.path.empty()) {
      throw std::invalid_argument(
          "--n-conventions prints one table of fits; ask for --ladder and --plot of one of them "
          "with --params");
    }
    return check_data_source(options.source);
  }
  if (options.source.directory.empty()) require_file_for_flags(options.source.file);
  require_one_source(options);
  if (!given) check_data_source(options.source);
  const std::string& law = options.fitting.fit.law;
  if (!options.source.directory.empty() && !law.empty() && law != "chinchilla" && law != "joint" &&
      law != fit::kTwoStageLaw) {
    throw std::invalid_argument(fmt::format(
        "--law {}: a sweep is allocated by its stored fits, chinchilla, two-stage or joint; "
        "crosslaw export {} writes its runs to a file that any law fits",
        law, options.source.directory));
  }
  if (options.six_nd && options.exact_flops) {
    throw std::invalid_argument("--six-nd and --exact-flops exclude each other");
  }
  for (const double flops : options.flops) require_plausible("--flops", flops, ModelCount::kFlops);
  require_plausible("--max-params", options.limits.max_params, ModelCount::kParams);
  require_plausible("--max-tokens", options.limits.max_tokens, ModelCount::kTokens);
  require_plausible("--unique-tokens", options.limits.unique_tokens, ModelCount::kTokens);
  require_plausible("--inference-tokens", options.limits.inference_tokens, ModelCount::kTokens);
  if (options.source.directory.empty() && options.flops.empty()) {
    throw std::invalid_argument("--flops is missing: the budgets, such as 1e18,1e20");
  }
}

fit::AllocationOptions settings_of(const AllocateCommandOptions& options) {
  fit::AllocationOptions settings;
  settings.flops = options.flops;
  settings.limits = options.limits;
  settings.flat_share = options.flat_percent / 100;
  settings.six_nd = options.six_nd;
  settings.accept_unidentified = options.accept_unidentified;
  return settings;
}

// A fit whose compute is that of the real sizes, where the points carried none.
fit::FitResult with_ladder_compute(fit::FitResult fit, const std::vector<fit::LadderSize>& ladder) {
  if (fit.compute) return fit;
  fit::Points sizes;
  for (const fit::LadderSize& size : ladder) {
    sizes.push_back({size.params, 1, 1});
    sizes.back().flops = size.flops_per_token.value_or(0);
  }
  fit.compute = fit::fit_compute(sizes);
  if (fit.compute) return fit;
  throw std::invalid_argument(
      "--exact-flops needs FLOPs: a sweep's folder, --compute COLUMN, or a --ladder of two sizes "
      "or more with shapes or flops_per_token");
}

std::vector<Question> questions_of_sweep(const AllocateCommandOptions& options, std::ostream& log) {
  const std::string& folder = options.source.directory;
  const db::RunStore store = read_store(folder);
  const Observations observations(store, ParamsCount::kAll);
  if (!fits_are_current(store, observations)) {
    log << fmt::format(
        "crosslaw allocate: the runs have gone on since the stored fits; crosslaw fit {} renews "
        "them\n",
        folder);
  }
  std::vector<Question> out;
  for (SweepAllocation& each : sweep_allocations(observations, stored_fits(store, observations),
                                                 options.fitting.fit.law, options.exact_flops)) {
    NamedFit& named = each.fit;
    named.data.source = fmt::format("{} ({})", folder, named.data.language);
    out.push_back({{named.name, std::move(named.data), std::move(named.fit)},
                   std::move(each.reason),
                   std::move(each.budgets),
                   std::move(each.ladder)});
  }
  return out;
}

std::vector<Question> questions_of(const AllocateCommandOptions& options, std::ostream& log) {
  if (!options.source.directory.empty()) return questions_of_sweep(options, log);
  Question out;
  if (!options.given.file.empty()) {
    out.fit.fit = fit::read_fit(options.given.file);
    out.fit.data.source = options.given.file;
  } else if (!options.given.coefficients.empty()) {
    out.fit.fit = parse_coefficients(options.given.coefficients);
  } else {
    out.fit = fit_file(options.fitting, options.source.file, log);
    refuse_unread_columns(out.fit.fit, options.source.file);
  }
  return {std::move(out)};
}

fit::AllocationReport answer(const Question& question, const AllocateCommandOptions& options) {
  fit::AllocationOptions settings = settings_of(options);
  if (settings.flops.empty()) settings.flops = question.budgets;
  settings.ladder = question.ladder;
  if (!options.ladder.path.empty()) {
    LadderFile file = options.ladder;
    file.count = find_params_count(options.count);
    settings.ladder = read_ladder(file);
  }
  const fit::FitResult& fit = question.fit.fit;
  return fit::report_allocation(
      options.exact_flops ? with_ladder_compute(fit, settings.ladder) : fit, settings);
}

bool has_rows(const fit::AllocationReport& report) {
  return std::any_of(report.strategies.begin(), report.strategies.end(),
                     [](const fit::Allocation& each) { return !each.rows.empty(); });
}

// The reports that have rows; what is wrong with each is on `log`.
std::vector<AllocationAnswer> answer_all(const AllocateCommandOptions& options, std::ostream& log) {
  std::vector<AllocationAnswer> out;
  for (Question& each : questions_of(options, log)) {
    fit::AllocationReport report = answer(each, options);
    for (const std::string& warning : fit::warnings(report)) {
      log << "crosslaw allocate: " << warning << "\n";
    }
    if (has_rows(report)) {
      fit::FitOptions refits = options.fitting.fit;
      refits.draws = options.fitting.draws.value_or(refits.draws);
      AllocationForecast forecast =
          forecast_allocation(report, *each.fit.fit.law, each.fit.data.data.points, refits);
      out.push_back(
          {std::move(each.fit), std::move(each.reason), std::move(report), std::move(forecast)});
    } else if (!each.fit.fit.identifiable) {
      log << "crosslaw allocate: --accept-unidentified allocates all the same\n";
    }
  }
  const std::string& folder = options.source.directory;
  if (out.empty() && !folder.empty()) {
    log << fmt::format(
        "crosslaw allocate: {}: no usable fit is stored; crosslaw fit {} makes one\n", folder,
        folder);
  }
  return out;
}

void add_budget_options(CLI::App& command, AllocateCommandOptions& options) {
  command.option_defaults()->group("Budgets and limits");
  add_number_list(command, "--flops", options.flops, "budgets C, such as 1e18,1e20 or 1e20..1e24x5")
      ->type_name("C,...");
  fit::Limits& limits = options.limits;
  read_as_number(command.add_option("--max-tokens", limits.max_tokens,
                                    "no more training tokens than this, such as 1.4T"))
      ->type_name("D");
  read_as_number(command.add_option("--max-params", limits.max_params,
                                    "no larger model than this, such as 7B"))
      ->type_name("N");
  read_as_number(command.add_option("--inference-tokens", limits.inference_tokens,
                                    "tokens to be served: the budget is 6ND + 2NT"))
      ->type_name("T");
  read_as_number(command.add_option("--unique-tokens", limits.unique_tokens,
                                    "distinct tokens there are, for law data-constrained"))
      ->type_name("U");
  command.add_flag("--six-nd", options.six_nd, "C = 6ND although --compute gives measured FLOPs");
  command.add_flag("--exact-flops", options.exact_flops,
                   "C is the exact FLOPs of a sweep's runs or of the sizes of --ladder, not 6ND");
  read_as_number(command.add_option("--flat", options.flat_percent,
                                    "percent of loss that counts as equally good"))
      ->capture_default_str();
  command.add_flag("--accept-unidentified", options.accept_unidentified,
                   "allocate although the fit is not identifiable");
}

void add_ladder_options(CLI::App& command, AllocateCommandOptions& options) {
  command.option_defaults()->group("Real sizes");
  LadderFile& ladder = options.ladder;
  command.add_option("--ladder", ladder.path,
                     "CSV of real sizes: name, params[, flops_per_token], or name, hidden, ffn, "
                     "heads, layers (then FLOPs are exact)");
  read_as_number(command.add_option("--vocabulary", ladder.vocabulary, "of the shapes of --ladder"))
      ->capture_default_str();
  read_as_number(command.add_option("--context", ladder.context_tokens,
                                    "of the shapes of --ladder, in tokens"))
      ->capture_default_str();
  command.add_flag("--tied-head", ladder.tied_head, "the shapes share embedding and head");
  command
      .add_option("--count", options.count,
                  "N of the shapes, as in the fit: all, no-embeddings or budget")
      ->capture_default_str();
}

void refuse_idle_allocate_flags(const CLI::App& command, const AllocateCommandOptions& options) {
  const bool fits = !options.source.file.path.empty() || !options.conventions.empty();
  const bool chooses = fits || !options.source.directory.empty();
  const bool ladder = !options.ladder.path.empty();
  constexpr const char* kFit =
      "a fit that is made now, of --data FILE; stored fits are taken as they are";
  refuse_idle_flags(command, {{"--law", chooses, kFit},
                              {"--huber-delta", fits, kFit},
                              {"--starts", fits, kFit},
                              {"--bootstrap", chooses, kFit},  // a sweep's forecasts are made now
                              {"--resample", fits, kFit},
                              {"--seed", chooses, kFit},
                              {"--threads", chooses, kFit},
                              {"--vocabulary", ladder, "the shapes of --ladder"},
                              {"--context", ladder, "the shapes of --ladder"},
                              {"--tied-head", ladder, "the shapes of --ladder"},
                              {"--count", ladder, "the shapes of --ladder"}});
}

void add_allocate_footer(CLI::App& command) {
  command.footer(
      "Columns:\n"
      "  C (FLOPs)          the budget\n"
      "  strategy           scratch, or continued from a model of another language\n"
      "  N*, D*, D*/N*      parameters and tokens of the least loss, and their ratio; 95%: "
      "interval\n"
      "  loss               that least loss, without the scatter of single runs\n"
      "  N within 1%        sizes whose loss is at most 1 % (--flat) worse at the same compute\n"
      "  bound by, given up limits that bind, and what they cost\n"
      "  ladder, its D, its loss  the real size of least loss, and how much worse it is\n"
      "  as good, best in draws   real sizes within 1 %, and how often each is the best\n"
      "  loss, continued - scratch  difference of both optima; below 0: continuing is better\n"
      "  D scratch, same loss       tokens from scratch, at the same N, for the continued loss\n"
      "  transferred D              those less the continued run's own\n"
      "  FLOPs saved, same N | best N  against scratch of the same size, or of its best one\n"
      "  C scratch, same loss       compute from scratch, at its best size, for that loss\n"
      "  scratch overtakes at D     tokens at which both strategies are equal\n"
      "\nExamples:\n"
      "  crosslaw allocate --data runs.csv --flops 1e20,1e22 --max-tokens 2e11\n"
      "  crosslaw allocate --fit fit.json --flops 1e21 --ladder sizes.csv --latex > plan.tex\n"
      "  crosslaw allocate --coefficients E=1.82,A=478,alpha=0.347,B=2143,beta=0.367 --flops "
      "5.76e23");
}

}  // namespace

int run_allocate(const AllocateCommandOptions& options, std::ostream& out, std::ostream& log) {
  check_options(options);
  if (!options.conventions.empty()) {
    return run_n_conventions({options.conventions, options.source, options.fitting,
                              settings_of(options), options.output},
                             out, log);
  }
  const std::vector<AllocationAnswer> answers = answer_all(options, log);
  if (answers.empty()) return 1;
  const std::string& folder = options.source.directory;
  if (!options.output.plot.empty()) plot_allocations(answers, folder, options.output.plot, log);
  print_allocations(answers, folder, options.output, out);
  return 0;
}

void add_allocate_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "allocate", "Compute-optimal parameters and tokens for budgets, with intervals");
  auto options = std::make_shared<AllocateCommandOptions>();
  command->add_option(
      "dir", options->source.directory,
      "a sweep's folder: allocates by its stored fits, over its own ladder; or a file, "
      "as --data");
  add_file_options(*command, options->source.file);
  add_fitting_options(*command, options->fitting);
  add_conventions_option(*command, options->conventions);
  add_given_fit_options(*command, options->given);
  add_budget_options(*command, *options);
  add_ladder_options(*command, *options);
  add_output_options(*command, options->output);
  add_allocate_footer(*command);
  command->callback([options, command, &exit_code] {
    take_positional_file(options->source);
    refuse_idle_allocate_flags(*command, *options);
    exit_code = run_allocate(*options, std::cout, std::cerr);
  });
}

}  // namespace crosslaw::apps
