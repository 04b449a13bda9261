#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands/commands.h"
#include "apps/study/rate_search.h"
#include "apps/study/sweep_folder.h"
#include "fit/write/fit_json.h"
#include "fit/write/table.h"

namespace crosslaw::apps {
namespace {

struct RatesOptions {
  std::string folder;
  bool json = false;
};

nlohmann::json rates_json(const std::vector<RateSearch>& searches,
                          const std::vector<RateRuleFit>& rules) {
  nlohmann::json j = {
      {"schema", 1}, {"searches", nlohmann::json::array()}, {"rules", nlohmann::json::array()}};
  for (const RateSearch& s : searches) {
    j["searches"].push_back({{"strategy", s.strategy},
                             {"size", s.size},
                             {"params", s.params},
                             {"tokens_per_param", s.tokens_per_param},
                             {"runs", s.optimum.points},
                             {"fixed_learning_rate", s.fixed_rate},
                             {"fixed_batch_tokens", s.fixed_batch},
                             {"learning_rate", fit::estimate_json(s.optimum.learning_rate)},
                             {"batch_tokens", fit::estimate_json(s.optimum.batch_tokens)},
                             {"excess_log_loss", fit::estimate_json(s.optimum.excess)},
                             {"inside", s.optimum.inside},
                             {"problem", s.optimum.problem}});
  }
  for (const RateRuleFit& r : rules) {
    nlohmann::json sizes = nlohmann::json::array();
    for (const CarriedRate& size : r.sizes)
      sizes.push_back({{"size", size.size},
                       {"params", size.params},
                       {"fixed_learning_rate", size.fixed_rate},
                       {"learning_rate", size.rule_rate},
                       {"excess_log_loss", size.excess}});
    j["rules"].push_back({{"strategy", r.strategy},
                          {"coefficient", r.coefficient},
                          {"exponent", r.exponent},
                          {"exponent_error", r.exponent_error},
                          {"exponent_ci95", fit::range_or_null(r.exponent_ci95)},
                          {"fixed_exponent", r.fixed_exponent},
                          {"bends_the_law", r.bends},
                          {"sizes", sizes}});
  }
  return j;
}

std::string with_interval(const fit::Estimate& estimate, double unit) {
  if (!estimate.value) return "";
  if (!estimate.ci95) return fmt::format("{:.3g}", unit * *estimate.value);
  return fmt::format("{:.3g} [{:.3g}, {:.3g}]", unit * *estimate.value, unit * estimate.ci95->low,
                     unit * estimate.ci95->high);
}

void print_searches(const std::vector<RateSearch>& searches) {
  fit::Table table;
  table.header = {"strategy", "size",       "runs",       "best lr",
                  "lr used",  "best batch", "batch used", "lost, %"};
  table.align = "llrrrrrr";
  std::string notes;
  for (const RateSearch& s : searches) {
    table.rows.push_back({s.strategy, s.size, fmt::format("{}", s.optimum.points),
                          with_interval(s.optimum.learning_rate, 1),
                          fmt::format("{:.3g}", s.fixed_rate),
                          with_interval(s.optimum.batch_tokens, 1), fit::short_count(s.fixed_batch),
                          with_interval(s.optimum.excess, 100)});
    if (!s.optimum.problem.empty())
      notes += fmt::format("{} {}: no optimum: {}\n", s.strategy, s.size, s.optimum.problem);
    // A quadratic beyond its points is a guess, and only more runs help.
    if (s.optimum.problem.empty() && !s.optimum.inside)
      notes += fmt::format(
          "{} {}: the optimum lies outside what was tried; widen rate_factors or "
          "batch_factors\n",
          s.strategy, s.size);
  }
  fmt::print("{}{}", fit::render(table, fit::TableFormat::kText), notes);
}

void print_rule(const RateRuleFit& rule) {
  fit::Table table;
  table.header = {"size", "params N", "lr by rule", "lr used", "lost, %"};
  table.align = "lrrrr";
  for (const CarriedRate& size : rule.sizes)
    table.rows.push_back(
        {size.size, fit::short_count(size.params), fmt::format("{:.3g}", size.rule_rate),
         fmt::format("{:.3g}", size.fixed_rate), fmt::format("{:.2f}", 100 * size.excess)});
  fmt::print(
      "\n{}: best learning rate = {:.4g} N^{:.3f} (95 % interval of the exponent [{:.3f}, "
      "{:.3f}]); used: N^{:.3f}\n{}",
      rule.strategy, rule.coefficient, rule.exponent, rule.exponent_ci95.low,
      rule.exponent_ci95.high, rule.fixed_exponent, fit::render(table, fit::TableFormat::kText));
  const CarriedRate &small = rule.sizes.front(), &large = rule.sizes.back();
  fmt::print(
      "{}\n",
      fit::wrapped(
          rule.bends
              ? fmt::format(
                    "the setting bends the law: it costs {} {:.2f} % of its loss and {} {:.2f} "
                    "%, and the law's exponents hold this as if it were size",
                    small.size, 100 * small.excess, large.size, 100 * large.excess)
              : "no sign that the setting bends the law: what it costs does not change with the "
                "size "
                "beyond what these runs can tell"));
}

int run_rates(const RatesOptions& options) {
  const db::RunStore store = read_store(options.folder);
  const std::vector<RateSearch> searches = rate_searches(store);
  if (searches.empty())
    throw std::invalid_argument(fmt::format(
        "{}: its spec searches for no setting; add a [train.search] to it", options.folder));
  const std::vector<RateRuleFit> rules = rate_rules(store, searches);
  if (options.json) {
    fmt::print("{}\n", rates_json(searches, rules).dump());
    return 0;
  }
  print_searches(searches);
  for (const RateRuleFit& rule : rules) print_rule(rule);
  if (rules.empty())
    fmt::print("\nno rule for the other sizes: two searched sizes with an optimum are needed\n");
  return 0;
}

}  // namespace

void add_rates_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RatesOptions>();
  CLI::App* command = app.add_subcommand(
      "rates", "What a sweep's search found: the best learning rate and batch, by size");
  command->add_option("dir", options->folder, "The sweep's folder")->required();
  command->add_flag("--json", options->json, "One JSON object with exact numbers");
  command->callback([options, &exit_code] { exit_code = run_rates(*options); });
}

}  // namespace crosslaw::apps
