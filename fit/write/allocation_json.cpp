// What programs read of an allocation: JSON and CSV, every number in full.

#include <nlohmann/json.hpp>

#include "fit/write/allocation_table.h"
#include "fit/write/csv_row.h"
#include "fit/write/fit_json.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::ordered_json;

Json choice_json(const LadderChoice& choice) {
  return {{"name", choice.size.name},
          {"params", choice.size.params},
          {"flops_per_token", number_or_null(choice.size.flops_per_token)},
          {"tokens", choice.tokens},
          {"loss", choice.loss},
          {"excess", choice.excess},
          {"draws_share", choice.draws_share},
          {"as_good", choice.as_good}};
}

void add_limits(const AllocationRow& row, Json& out) {
  out["binding"] = row.binding;
  if (row.unlimited) {
    out["unlimited"] = {{"params", row.unlimited->params},
                        {"tokens", row.unlimited->tokens},
                        {"loss", row.unlimited->loss}};
  }
  out["given_up"] = number_or_null(row.given_up.value);
  out["given_up_ci95"] = range_or_null(row.given_up.ci95);
  out["unused_share"] = row.unused_share;
  out["epochs"] = number_or_null(row.epochs);
}

Json growth_json(const GrowthEstimate& line) {
  return {{"params_constant", number_or_null(line.at_optimum.params_constant)},
          {"params_exponent", line.at_optimum.params_exponent},
          {"params_exponent_ci95", range_or_null(line.params_exponent.ci95)},
          {"tokens_constant", number_or_null(line.at_optimum.tokens_constant)},
          {"tokens_exponent", line.at_optimum.tokens_exponent},
          {"tokens_exponent_ci95", range_or_null(line.tokens_exponent.ci95)},
          {"reducible_constant", number_or_null(line.at_optimum.reducible_constant)},
          {"reducible_exponent", number_or_null(line.at_optimum.reducible_exponent)},
          {"near_flops", number_or_null(line.near_flops)}};
}

// Of a crossing where scratch overtakes; absent where it never does.
Estimate overtaken_at(const Crossing& crossing) {
  return crossing.continued_better_below ? crossing.tokens : Estimate{};
}

// Savings of tokens are between two runs of one N, those of the frontier between both best runs.
Json saving_json(const AllocationReport& report, std::size_t i) {
  const Transfer& transfer = report.transfers[i];
  const Crossing& crossing = report.crossings[i];
  return {{"flops", report.savings[i].flops},
          {"equal_loss_flops", estimate_json(report.savings[i].equal_loss_flops)},
          {"frontier_saved_share", estimate_json(report.savings[i].saved_share)},
          {"loss_difference", estimate_json(report.savings[i].loss_difference)},
          {"params", transfer.params},
          {"tokens", transfer.tokens},
          {"equal_loss_tokens", estimate_json(transfer.equal_loss_tokens)},
          {"saved_share", estimate_json(transfer.saved_share)},
          {"transferred_tokens", estimate_json(transfer.transferred_tokens)},
          {"crossing_tokens", estimate_json(overtaken_at(crossing))},
          {"continued_better_below",
           crossing.known ? Json(crossing.continued_better_below) : Json(nullptr)}};
}

Json convention_json(const Allocation& allocation) {
  const Limits& limits = allocation.limits;
  Json out = {{"params", allocation.convention.params},
              {"compute", allocation.convention.compute},
              {"flops_per_token",
               {{"constant", allocation.compute.constant},
                {"exponent", allocation.compute.exponent},
                {"rms", allocation.compute.rms},
                {"measured", allocation.compute.measured}}}};
  if (!allocation.convention.loss.empty()) out["loss"] = allocation.convention.loss;
  if (!any(limits)) return out;
  out["limits"] = {{"max_params", number_or_null(limits.max_params)},
                   {"max_tokens", number_or_null(limits.max_tokens)},
                   {"unique_tokens", number_or_null(limits.unique_tokens)},
                   {"inference_tokens", limits.inference_tokens}};
  return out;
}

void add_ladder(const AllocationRow& row, CsvRow& out) {
  const std::optional<LadderChoice>& best = row.nearest;
  const auto number = [&](double LadderChoice::*which) {
    return best ? std::optional((*best).*which) : std::nullopt;
  };
  out.add("nearest", best ? best->size.name : "");
  out.add("nearest_params", best ? std::optional(best->size.params) : std::nullopt);
  out.add("nearest_tokens", number(&LadderChoice::tokens));
  out.add("nearest_loss", number(&LadderChoice::loss));
  out.add("nearest_excess", number(&LadderChoice::excess));
  out.add("nearest_draws_share", number(&LadderChoice::draws_share));
  std::string names;
  for (const LadderChoice& each : row.ladder) {
    if (each.as_good) names += (names.empty() ? "" : " ") + each.size.name;
  }
  out.add("as_good", names);
}

void add_limits(const AllocationRow& row, CsvRow& out) {
  std::string names;
  for (const std::string& each : row.binding) names += (names.empty() ? "" : " ") + each;
  out.add("binding", names);
  out.add("given_up", row.given_up);
  out.add("unused_share", row.unused_share);
  out.add("epochs", row.epochs);
}

void add_savings(const AllocationReport& report, const Allocation& strategy, std::size_t budget,
                 CsvRow& out) {
  // Savings are those of the last strategy against the first.
  const bool here = &strategy == &report.strategies.back() && budget < report.savings.size();
  const BudgetSaving saving = here ? report.savings[budget] : BudgetSaving{};
  const Transfer transfer = here ? report.transfers[budget] : Transfer{};
  const Crossing crossing = here ? report.crossings[budget] : Crossing{};
  out.add("equal_loss_tokens", transfer.equal_loss_tokens);
  out.add("transferred_tokens", transfer.transferred_tokens);
  out.add("saved_share", transfer.saved_share);
  out.add("equal_loss_flops", saving.equal_loss_flops);
  out.add("frontier_saved_share", saving.saved_share);
  out.add("loss_difference", saving.loss_difference);
  out.add("crossing_tokens", overtaken_at(crossing));
  out.add("continued_better_below", std::string(!here || !crossing.known          ? ""
                                                : crossing.continued_better_below ? "1"
                                                                                  : "0"));
}

// Repeated in every row: a CSV file has no other place for what holds for all of them.
void add_growth(const Allocation& strategy, CsvRow& out) {
  const GrowthEstimate line = strategy.growth.value_or(GrowthEstimate{});
  const auto constant = [&](double value) {
    return strategy.growth ? std::optional(value) : std::nullopt;
  };
  out.add("params_constant", constant(line.at_optimum.params_constant));
  out.add("params_exponent", line.params_exponent);
  out.add("tokens_constant", constant(line.at_optimum.tokens_constant));
  out.add("tokens_exponent", line.tokens_exponent);
  out.add("params_convention", strategy.convention.params);
  out.add("compute_convention", strategy.convention.compute);
  out.add("loss_convention", strategy.convention.loss);
}

}  // namespace

Json to_json(const Allocation& strategy, const AllocationRow& row) {
  Json out;
  if (!strategy.strategy.empty()) out["strategy"] = strategy.strategy;
  out["flops"] = row.flops;
  out["params"] = number_or_null(row.params.value);
  out["tokens"] = number_or_null(row.tokens.value);
  out["loss"] = number_or_null(row.loss.value);
  out["params_ci95"] = range_or_null(row.params.ci95);
  out["tokens_ci95"] = range_or_null(row.tokens.ci95);
  out["loss_ci95"] = range_or_null(row.loss.ci95);
  out["params_known"] = name_of(row.known.degree);
  out["tokens_per_param"] = number_or_null(row.tokens_per_param.value);
  out["tokens_per_param_ci95"] = range_or_null(row.tokens_per_param.ci95);
  out["flat_share"] = strategy.flat_share;
  out["flat_params"] = range_or_null(row.flat);
  out["flat_low_ci95"] = range_or_null(row.flat_low.ci95);
  out["flat_high_ci95"] = range_or_null(row.flat_high.ci95);
  if (any(strategy.limits)) add_limits(row, out);
  out["flops_factor"] = row.flops_factor;
  out["ratio_factor"] = row.ratio_factor;
  if (row.nearest) {
    out["nearest"] = choice_json(*row.nearest);
    out["ladder"] = Json::array();
    for (const LadderChoice& each : row.ladder) out["ladder"].push_back(choice_json(each));
  }
  out["warnings"] = row.warnings;
  return out;
}

Json to_json(const AllocationReport& report) {
  Json out = {{"schema", 1},
              {"convention", convention_json(report.strategies.front())},
              {"rows", Json::array()},
              {"frontiers", Json::array()}};
  for (const Allocation& strategy : report.strategies) {
    for (const AllocationRow& row : strategy.rows) out["rows"].push_back(to_json(strategy, row));
    Json line = {{"strategy", strategy.strategy}};
    line["refused"] = strategy.refused.empty() ? Json(nullptr) : Json(strategy.refused);
    if (strategy.growth) line.update(growth_json(*strategy.growth));
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

Table allocation_csv(const AllocationReport& report) {
  Table out;
  for (const Allocation& strategy : report.strategies) {
    for (std::size_t b = 0; b < strategy.rows.size(); ++b) {
      const AllocationRow& row = strategy.rows[b];
      CsvRow cells(out);
      cells.add("strategy", strategy.strategy);
      cells.add("flops", row.flops);
      cells.add("params", row.params);
      cells.add("tokens", row.tokens);
      cells.add("tokens_per_param", row.tokens_per_param);
      cells.add("loss", row.loss);
      cells.add("flat_params_low", row.flat_low);
      cells.add("flat_params_high", row.flat_high);
      cells.add("flops_factor", row.flops_factor);
      cells.add("ratio_factor", row.ratio_factor);
      add_ladder(row, cells);
      if (any(strategy.limits)) add_limits(row, cells);
      if (!report.savings.empty()) add_savings(report, strategy, b, cells);
      add_growth(strategy, cells);
      cells.finish();
    }
  }
  return out;
}

}  // namespace crosslaw::fit
