#include "apps/commands/replay_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/commands/command_line_lists.h"
#include "apps/commands/commands.h"
#include "apps/commands/fit_evidence.h"
#include "apps/study/replay_json.h"
#include "apps/study/sweep_folder.h"
#include "fit/write/csv_row.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

std::string replay_percent(double ratio) { return fmt::format("{:.3g}%", 100 * ratio); }

std::string least_share_text(bool known, const std::optional<double>& ratio, double most) {
  if (ratio) return replay_percent(*ratio);
  return known ? fmt::format(">{}", replay_percent(most)) : "-";
}

std::string sum_text(const fit::Estimate& best) {
  if (!best.value) return "-";
  return best.ci95 ? fmt::format("{} [{:.3g}, {:.3g}]", replay_percent(*best.value),
                                 100 * best.ci95->low, 100 * best.ci95->high)
                   : replay_percent(*best.value);
}

// A line a size and number of tokens: what to choose.
fit::Table choice_table(const ReplayPlan& plan, double within) {
  fit::Table table;
  table.header = {
      "size",    "tokens",    "tok/N",   "start",  fmt::format("within {:g}, sure", within),
      "by laws", "least sum", "by laws", "likely", "likely by laws",
      "N"};
  table.align = "lrrrrrrrrrr";
  const double most = plan.ratios.back();
  for (const ReplayCell& cell : plan.cells) {
    const bool trained = !cell.ratios.empty(), known = cell.start_loss.has_value();
    const ReplayChoice law = cell.law.value_or(ReplayChoice());
    const std::string params = fit::short_count(cell.params);
    table.rows.push_back({trained ? cell.size : params, fit::short_count(cell.tokens),
                          fmt::format("{:.3g}", cell.tokens_per_param),
                          known ? fmt::format("{:.4f}", *cell.start_loss) : "-",
                          least_share_text(known, cell.measured.safe_ratio, most),
                          least_share_text(cell.law.has_value(), law.safe_ratio, most),
                          sum_text(cell.measured.best_ratio), sum_text(law.best_ratio),
                          least_share_text(known, cell.measured.middle_ratio, most),
                          least_share_text(cell.law.has_value(), law.middle_ratio, most), params});
  }
  return table;
}

// A line a share of replay of each of those: what it does.
fit::Table ratio_table(const ReplayPlan& plan) {
  fit::Table table;
  table.header = {"size", "tok/N", "replay", plan.language, "95%", plan.source_language,
                  "95%",  "rise",  "95%",    "front"};
  table.align = "lrrrrrrrrl";
  const auto nats = [](const fit::Estimate& e, const char* format) {
    return e.value ? fmt::format(fmt::runtime(format), *e.value) : "-";
  };
  const auto ends = [](const fit::Estimate& e, const char* format) {
    if (!e.ci95) return std::string("-");
    return fmt::format("[{}, {}]", fmt::format(fmt::runtime(format), e.ci95->low),
                       fmt::format(fmt::runtime(format), e.ci95->high));
  };
  for (const ReplayCell& cell : plan.cells) {
    for (const ReplayRatio& at : cell.ratios) {
      table.rows.push_back(
          {cell.size, fmt::format("{:.3g}", cell.tokens_per_param),
           replay_percent(at.ratio) + (at.extrapolated ? "*" : ""), nats(at.target_loss, "{:.3f}"),
           ends(at.target_loss, "{:.3f}"), nats(at.source_loss, "{:.3f}"),
           ends(at.source_loss, "{:.3f}"), nats(at.rise, "{:+.3f}"), ends(at.rise, "{:+.3f}"),
           at.on_front ? fmt::format("yes, {:.0f}%", 100 * at.share_on_front) : "no"});
    }
  }
  return table;
}

void add_choice(const std::string& name, const ReplayChoice& choice, fit::CsvRow& cells) {
  cells.add(name + "safe_ratio", choice.safe_ratio);
  cells.add(name + "middle_ratio", choice.middle_ratio);
  cells.add(name + "best_ratio", choice.best_ratio);
}

fit::Table replay_csv(const ReplayPlan& plan) {
  fit::Table table;
  const auto yes_no = [](bool yes) { return yes ? "1" : "0"; };
  for (const ReplayCell& cell : plan.cells) {
    // Of a size that was not trained the laws' answer alone.
    std::vector<std::optional<ReplayRatio>> ratios(cell.ratios.begin(), cell.ratios.end());
    if (ratios.empty()) ratios.emplace_back();
    for (const std::optional<ReplayRatio>& ratio : ratios) {
      const ReplayRatio at = ratio.value_or(ReplayRatio());
      fit::CsvRow cells(table, "_ci95");
      cells.add("strategy", plan.strategy);
      cells.add("language", plan.language);
      cells.add("source_language", plan.source_language);
      cells.add("size", cell.size);
      cells.add("params", cell.params);
      cells.add("tokens", cell.tokens);
      cells.add("tokens_per_param", cell.tokens_per_param);
      cells.add("start_loss", cell.start_loss);
      add_choice("", cell.measured, cells);
      add_choice("law_", cell.law.value_or(ReplayChoice()), cells);
      cells.add("ratio", ratio ? std::optional(at.ratio) : std::nullopt);
      cells.add("target_loss", at.target_loss);
      cells.add("source_loss", at.source_loss);
      cells.add("rise", at.rise);
      cells.add("on_front", ratio ? yes_no(at.on_front) : "");
      cells.add("share_on_front", ratio ? std::optional(at.share_on_front) : std::nullopt);
      cells.add("extrapolated", ratio ? yes_no(at.extrapolated) : "");
      cells.finish();
    }
  }
  return table;
}

// Which laws answer, how well they fit, and where they do not.
std::string laws_text(const ReplayPlan& plan) {
  if (!plan.laws) return fit::wrapped("laws: none, " + plan.no_laws) + "\n";
  std::string out;
  for (const auto& [language, found] :
       {std::pair{plan.language, &plan.laws->target}, {plan.source_language, &plan.laws->source}}) {
    out += fmt::format("law of {}: {}, {} points, off by {:.2f} % rms{}\n", language,
                       found->law->name, found->points, 100 * found->certificate.rms_log_residual,
                       found->identifiable ? "" : "; coefficients not identified one by one");
  }
  return out;
}

void print(const std::vector<ReplayPlan>& plans, const ReplayCommandOptions& options,
           std::ostream& out) {
  const auto format = output_format(options.output);
  if (!format) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const ReplayPlan& plan : plans) list.push_back(to_json(plan, options.plan));
    out << fit::pretty({{"schema", 1}, {"plans", std::move(list)}});
    return;
  }
  if (*format == fit::TableFormat::kCsv) {
    std::vector<fit::TablePart> parts;
    for (const ReplayPlan& plan : plans) parts.push_back({{}, replay_csv(plan)});
    out << fit::render(fit::stacked({}, parts), *format);
    return;
  }
  for (const ReplayPlan& plan : plans) {
    if (&plan != &plans.front()) out << "\n";
    out << fit::wrapped(describe(plan, options.plan)) << "\n"
        << (plan.noise.sd > 0 ? fmt::format("scatter of one loss: {:.2f} %, from {}\n",
                                            100 * plan.noise.sd, plan.noise.from)
                              : std::string("the scatter of one loss is not known: no intervals\n"))
        << laws_text(plan) << "\n"
        << fit::render({choice_table(plan, options.plan.within), ratio_table(plan)}, *format);
  }
}

}  // namespace

int run_replay(const ReplayCommandOptions& options, std::ostream& out, std::ostream& log) {
  output_format(options.output);
  ReplayOptions wanted = options.plan;
  for (const std::string& text : options.runs) {
    const fit::NewRun run = parse_run("--runs", text);
    wanted.runs.emplace_back(run.params, run.tokens);
  }
  const std::vector<std::string> wrong = problems(wanted);
  if (!wrong.empty()) throw std::invalid_argument(wrong.front());
  const db::RunStore store = read_store(options.folder);
  const std::vector<ReplayPlan> plans =
      replay_plans(Observations(store, ParamsCount::kAll), wanted);
  if (plans.empty()) {
    log << fmt::format(
        "crosslaw replay: {}: no strategy has finished runs with two shares of replay and losses "
        "on its source language; replay = [0.0, 0.05, 0.2] in the spec plans some\n",
        options.folder);
    return 1;
  }
  print(plans, options, out);
  return 0;
}

void add_replay_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "replay", "How much of the source language to replay while continuing, with intervals");
  auto options = std::make_shared<ReplayCommandOptions>();
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  read_as_number(command->add_option("--within", options->plan.within,
                                     "nats by which the source loss may rise over its start"))
      ->capture_default_str();
  read_as_number(command->add_option("--weight", options->plan.weight,
                                     "of the source loss in the weighted sum, 0 to 1"))
      ->capture_default_str();
  read_as_number(
      command->add_option("--draws", options->plan.draws, "worlds for intervals; 0: none"))
      ->capture_default_str();
  command->add_option("--seed", options->plan.seed, "of the worlds")->capture_default_str();
  add_word_list(*command, "--runs", options->runs,
                "N:D,... that were not trained, D tokens of both languages: by the laws");
  add_table_options(*command, options->output);
  command->footer(
      "All shares are compared at equal compute: as many tokens of both languages together.\n"
      "Columns:\n"
      "  start         source loss of the model before it continued\n"
      "  within, sure  least share that keeps the source loss so near in 95 % of the worlds\n"
      "  least sum     share with the least weighted sum of both losses\n"
      "  by laws       the column before it, by laws of both losses that were fitted to all runs\n"
      "  likely        as sure, by the losses as measured, and by the laws as fitted (--wide)\n"
      "  front         no other share is better on one language and no worse on the other, and in\n"
      "                how many worlds; * no runs on both sides of this many tokens");
  command->callback(
      [options, &exit_code] { exit_code = run_replay(*options, std::cout, std::cerr); });
}

}  // namespace crosslaw::apps
