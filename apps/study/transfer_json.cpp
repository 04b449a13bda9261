#include "apps/study/transfer_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace crosslaw::apps {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Ordered(*value) : Ordered(nullptr);
}

Ordered ends_or_null(const std::optional<fit::Range>& range) {
  return range ? Ordered::array({range->low, range->high}) : Ordered(nullptr);
}

// NAME and NAME_ci95.
void put(Ordered& row, const std::string& name, const fit::Estimate& estimate) {
  row[name] = number_or_null(estimate.value);
  row[name + "_ci95"] = ends_or_null(estimate.ci95);
}

void put_side(Ordered& row, const std::string& prefix, const std::optional<TransferSide>& side) {
  const TransferSide none;
  const TransferSide& at = side ? *side : none;
  put(row, prefix + "saved_share", at.saved_share);
  put(row, prefix + "transferred_tokens", at.transferred_tokens);
  put(row, prefix + "repaid_share", at.repaid_share.value_or(fit::Estimate{}));
}

Ordered row_json(const TransferRow& row) {
  Ordered out = {{"run", row.run.empty() ? Ordered(nullptr) : Ordered(row.run)},
                 {"params", row.params},
                 {"tokens", row.tokens},
                 {"tokens_per_param", row.tokens_per_param},
                 {"loss", row.loss},
                 {"source_tokens", number_or_null(row.source_tokens)},
                 {"extrapolated", row.extrapolated},
                 {"verdict", name_of(row.saving)}};
  put_side(out, "measured_", row.measured);
  put_side(out, "law_", row.law);
  return out;
}

Ordered budget_json(const TransferBudget& budget) {
  Ordered out = {{"tokens_per_param", budget.tokens_per_param},
                 {"sizes", budget.sizes},
                 {"extrapolated", budget.extrapolated},
                 {"verdict", name_of(budget.saving)}};
  put(out, "measured_saved_share", budget.measured);
  put(out, "law_saved_share", budget.law);
  return out;
}

Ordered growth_json(const std::optional<fit::TransferGrowth>& growth) {
  if (!growth) return nullptr;
  Ordered out = {{"points", growth->points}};
  put(out, "constant", growth->constant);
  put(out, "tokens_exponent", growth->tokens_exponent);
  put(out, "params_exponent", growth->params_exponent);
  return out;
}

Ordered crossing_json(const TransferCrossing& crossing) {
  Ordered out = {
      {"params", crossing.params},
      {"continued_better_below",
       crossing.law.value ? Ordered(crossing.continued_better_below) : Ordered(nullptr)}};
  put(out, "measured_tokens", crossing.measured);
  put(out, "law_tokens", crossing.law);
  return out;
}

Ordered frontier_json(const FrontierSaving& saving) {
  Ordered out = {{"flops", saving.flops}};
  put(out, "measured_saved_share", saving.measured);
  put(out, "law_saved_share", saving.law);
  put(out, "loss_difference", saving.loss_difference);
  return out;
}

}  // namespace

Ordered to_json(const TransferFindings& findings) {
  Ordered out = {{"sentence", describe(findings)},
                 {"noise",
                  {{"sd", findings.noise.sd},
                   {"freedom", findings.noise.freedom},
                   {"from", findings.noise.from}}},
                 {"rows", Ordered::array()},
                 {"budgets", Ordered::array()},
                 {"growth",
                  {{"measured", growth_json(findings.measured_growth)},
                   {"law", growth_json(findings.law_growth)}}},
                 {"crossings", Ordered::array()},
                 {"no_crossing",
                  findings.no_crossing.empty() ? Ordered(nullptr) : Ordered(findings.no_crossing)},
                 {"frontier", Ordered::array()},
                 {"frontier_measured", ends_or_null(findings.frontier_measured)},
                 {"frontier_law", ends_or_null(findings.frontier_law)}};
  for (const TransferRow& row : findings.rows) out["rows"].push_back(row_json(row));
  for (const TransferBudget& each : findings.budgets) out["budgets"].push_back(budget_json(each));
  for (const TransferCrossing& each : findings.crossings)
    out["crossings"].push_back(crossing_json(each));
  for (const FrontierSaving& each : findings.frontier)
    out["frontier"].push_back(frontier_json(each));
  return out;
}

}  // namespace crosslaw::apps
