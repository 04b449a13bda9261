#include "fit/allocation_table.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "fit/fit_json.h"
#include "fit/fitter.h"
#include "fit/laws/laws.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::ordered_json;

std::string interval(const std::optional<Range>& range, std::string (*format)(double)) {
  return range ? fmt::format("[{}, {}]", format(range->low), format(range->high)) : "-";
}

std::string three_digits(double value) { return fmt::format("{:.3g}", value); }
std::string four_decimals(double value) { return fmt::format("{:.4f}", value); }
std::string percent(double value) { return fmt::format("{:.1f}%", 100 * value); }

std::string value_of(const Estimate& estimate, std::string (*format)(double)) {
  return estimate.value ? format(*estimate.value) : "-";
}

void add_exact(const Estimate& estimate, std::vector<std::string>& row) {
  row.push_back(estimate.value ? exact(*estimate.value) : "");
  row.push_back(estimate.ci95 ? exact(estimate.ci95->low) : "");
  row.push_back(estimate.ci95 ? exact(estimate.ci95->high) : "");
}

bool any_ladder(const AllocationReport& report) {
  for (const Allocation& strategy : report.strategies) {
    for (const AllocationRow& row : strategy.rows) {
      if (row.nearest) return true;
    }
  }
  return false;
}

Json row_json(const Allocation& strategy, const AllocationRow& row) {
  Json out;
  if (!strategy.strategy.empty()) out["strategy"] = strategy.strategy;
  out["flops"] = row.flops;
  out["params"] = number_or_null(row.params.value);
  out["tokens"] = number_or_null(row.tokens.value);
  out["loss"] = number_or_null(row.loss.value);
  out["params_ci95"] = range_or_null(row.params.ci95);
  out["tokens_ci95"] = range_or_null(row.tokens.ci95);
  out["loss_ci95"] = range_or_null(row.loss.ci95);
  out["tokens_per_param"] = number_or_null(row.tokens_per_param.value);
  out["tokens_per_param_ci95"] = range_or_null(row.tokens_per_param.ci95);
  out["flat_share"] = strategy.flat_share;
  out["flat_params"] = range_or_null(row.flat);
  out["flops_factor"] = row.flops_factor;
  out["ratio_factor"] = row.ratio_factor;
  if (row.nearest) {
    out["nearest"] = {{"name", row.nearest->size.name},
                      {"params", row.nearest->size.params},
                      {"tokens", row.nearest->tokens},
                      {"loss", row.nearest->loss},
                      {"excess", row.nearest->excess}};
  }
  out["warnings"] = row.warnings;
  return out;
}

Json frontier_json(const FrontierEstimate& line) {
  return {{"params_constant", line.at_optimum.params_constant},
          {"params_exponent", line.at_optimum.params_exponent},
          {"params_exponent_ci95", range_or_null(line.params_exponent.ci95)},
          {"tokens_constant", line.at_optimum.tokens_constant},
          {"tokens_exponent", line.at_optimum.tokens_exponent},
          {"tokens_exponent_ci95", range_or_null(line.tokens_exponent.ci95)},
          {"reducible_constant", line.at_optimum.reducible_constant},
          {"reducible_exponent", line.at_optimum.reducible_exponent}};
}

Json saving_json(const AllocationReport& report, std::size_t i) {
  const Transfer& transfer = report.transfers[i];
  const Crossing& crossing = report.crossings[i];
  return {{"flops", report.savings[i].flops},
          {"equal_loss_flops", estimate_json(report.savings[i].equal_loss_flops)},
          {"frontier_saved_share", estimate_json(report.savings[i].saved_share)},
          {"params", transfer.params},
          {"tokens", transfer.tokens},
          {"equal_loss_tokens", estimate_json(transfer.equal_loss_tokens)},
          {"saved_share", estimate_json(transfer.saved_share)},
          {"transferred_tokens", estimate_json(transfer.transferred_tokens)},
          {"crossing_tokens", estimate_json(crossing.tokens)},
          {"continued_better_below", crossing.continued_better_below}};
}

}  // namespace

AllocationReport report_allocation(const FitResult& fit, const AllocationOptions& options) {
  AllocationReport report;
  if (fit.law != &joint_law()) {
    report.strategies.push_back(allocate(fit, options));
    return report;
  }
  report.strategies.push_back(allocate(scratch_part(fit), options));
  report.strategies.back().strategy = "scratch";
  report.strategies.push_back(allocate(continued_part(fit), options));
  report.strategies.back().strategy = "continued";
  for (const AllocationRow& row : report.strategies[1].rows) {
    report.savings.push_back(saving_at(fit, row.flops));
    report.crossings.push_back(crossing_at(fit, *row.params.value));
    report.transfers.push_back(transfer_at(fit, *row.params.value, *row.tokens.value));
  }
  return report;
}

Table allocation_table(const AllocationReport& report) {
  const bool both = report.strategies.size() > 1;
  const bool ladder = any_ladder(report);
  Table out;
  out.header = {"C (FLOPs)", "N*", "95%", "D*", "95%", "D*/N*", "95%", "loss", "95%"};
  if (!report.strategies.empty()) {
    out.header.push_back(fmt::format("N within {:.3g}%", 100 * report.strategies[0].flat_share));
  }
  if (both) out.header.insert(out.header.begin() + 1, "strategy");
  if (ladder) out.header.insert(out.header.end(), {"ladder", "its loss"});
  const std::size_t budgets =
      std::max(report.strategies.front().rows.size(), report.strategies.back().rows.size());
  for (std::size_t b = 0; b < budgets; ++b) {
    for (const Allocation& strategy : report.strategies) {
      if (b >= strategy.rows.size()) continue;
      const AllocationRow& row = strategy.rows[b];
      std::vector<std::string> cells = {fmt::format("{:.4g}", row.flops)};
      if (both) cells.push_back(strategy.strategy);
      cells.insert(
          cells.end(),
          {value_of(row.params, short_count), interval(row.params.ci95, short_count),
           value_of(row.tokens, short_count), interval(row.tokens.ci95, short_count),
           value_of(row.tokens_per_param, three_digits),
           interval(row.tokens_per_param.ci95, three_digits), value_of(row.loss, four_decimals),
           interval(row.loss.ci95, four_decimals), interval(row.flat, short_count)});
      if (ladder) {
        cells.push_back(row.nearest ? row.nearest->size.name : "-");
        cells.push_back(row.nearest ? fmt::format("{:.4f} (+{:.2g}%)", row.nearest->loss,
                                                  100 * row.nearest->excess)
                                    : "-");
      }
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

Table saving_table(const AllocationReport& report) {
  Table out;
  out.header = {"C (FLOPs)",   "N",
                "D continued", "D scratch, same loss",
                "95%",         "saved",
                "95%",         "saved on frontiers",
                "95%",         "scratch overtakes at D",
                "95%"};
  for (std::size_t i = 0; i < report.savings.size(); ++i) {
    const Transfer& transfer = report.transfers[i];
    const BudgetSaving& saving = report.savings[i];
    const Crossing& crossing = report.crossings[i];
    const bool overtakes = crossing.continued_better_below;
    out.rows.push_back(
        {fmt::format("{:.4g}", saving.flops), short_count(transfer.params),
         short_count(transfer.tokens), value_of(transfer.equal_loss_tokens, short_count),
         interval(transfer.equal_loss_tokens.ci95, short_count),
         value_of(transfer.saved_share, percent), interval(transfer.saved_share.ci95, percent),
         value_of(saving.saved_share, percent), interval(saving.saved_share.ci95, percent),
         overtakes ? value_of(crossing.tokens, short_count) : "never",
         overtakes ? interval(crossing.tokens.ci95, short_count) : "-"});
  }
  return out;
}

Table allocation_csv(const AllocationReport& report) {
  Table out;
  out.header = {"strategy", "flops"};
  for (const char* name : {"params", "tokens", "tokens_per_param", "loss"}) {
    for (const char* end : {"", "_low", "_high"}) out.header.push_back(std::string(name) + end);
  }
  out.header.insert(out.header.end(),
                    {"flat_params_low", "flat_params_high", "flops_factor", "ratio_factor",
                     "nearest", "nearest_params", "nearest_tokens", "nearest_loss"});
  for (const Allocation& strategy : report.strategies) {
    for (const AllocationRow& row : strategy.rows) {
      std::vector<std::string> cells = {strategy.strategy, exact(row.flops)};
      for (const Estimate* each : {&row.params, &row.tokens, &row.tokens_per_param, &row.loss}) {
        add_exact(*each, cells);
      }
      cells.push_back(row.flat ? exact(row.flat->low) : "");
      cells.push_back(row.flat ? exact(row.flat->high) : "");
      cells.push_back(exact(row.flops_factor));
      cells.push_back(exact(row.ratio_factor));
      cells.push_back(row.nearest ? row.nearest->size.name : "");
      cells.push_back(row.nearest ? exact(row.nearest->size.params) : "");
      cells.push_back(row.nearest ? exact(row.nearest->tokens) : "");
      cells.push_back(row.nearest ? exact(row.nearest->loss) : "");
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

Json to_json(const AllocationReport& report) {
  Json out = {{"schema", 1}, {"rows", Json::array()}, {"frontiers", Json::array()}};
  for (const Allocation& strategy : report.strategies) {
    for (const AllocationRow& row : strategy.rows) out["rows"].push_back(row_json(strategy, row));
    Json line = {{"strategy", strategy.strategy}};
    line["refused"] = strategy.refused.empty() ? Json(nullptr) : Json(strategy.refused);
    if (strategy.frontier) line.update(frontier_json(*strategy.frontier));
    out["frontiers"].push_back(std::move(line));
  }
  if (!report.savings.empty()) {
    out["savings"] = Json::array();
    for (std::size_t i = 0; i < report.savings.size(); ++i) {
      out["savings"].push_back(saving_json(report, i));
    }
  }
  out["warnings"] = warnings(report);
  return out;
}

std::vector<std::string> warnings(const AllocationReport& report) {
  std::vector<std::string> out;
  std::set<std::string> said;
  const auto say = [&](const std::string& sentence) {
    if (said.insert(sentence).second) out.push_back(sentence);
  };
  for (const Allocation& strategy : report.strategies) {
    const std::string who = strategy.strategy.empty() ? "" : strategy.strategy + ": ";
    if (!strategy.refused.empty()) say(who + "no allocation: " + strategy.refused);
    for (const std::string& each : strategy.warnings) {
      if (each != strategy.refused) say(who + each);
    }
    for (const AllocationRow& row : strategy.rows) {
      for (const std::string& each : row.warnings) say(who + each);
    }
  }
  return out;
}

}  // namespace crosslaw::fit
