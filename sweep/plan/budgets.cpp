#include "sweep/plan/budgets.h"

#include <fmt/format.h>

#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

// Half a batch is rounded up to one.
constexpr double kFewestBatches = 0.5;

std::vector<BudgetCell> grid_cells(const SweepSpec& spec, const ModelSize& size, double replay) {
  const auto params = static_cast<double>(size.params_budget);
  std::vector<BudgetCell> cells;
  for (double tokens : spec.budget_tokens)
    cells.push_back({tokens / params, fmt::format("{:g}tok", tokens)});
  const double flops_a_token =
      spec.exact_flops ? trainer::training_flops_per_token(size.shape, spec.context) : 6 * params;
  for (double flops : spec.budget_flops)
    cells.push_back({flops / flops_a_token * (1 - replay) / params, fmt::format("{:g}C", flops)});
  return cells;
}

}  // namespace

BudgetCell ratio_cell(double tokens_per_param) {
  return {tokens_per_param, fmt::format("{:g}tpp", tokens_per_param)};
}

BudgetCells budget_cells(const SweepSpec& spec, const StrategySpec& strategy, const ModelSize& size,
                         double replay, int64_t batch_tokens) {
  BudgetCells cells;
  const std::vector<double>& ratios =
      strategy.tokens_per_param.empty() ? spec.tokens_per_param : strategy.tokens_per_param;
  for (double ratio : ratios) cells.kept.push_back(ratio_cell(ratio));
  if (!ratios.empty()) return cells;
  for (BudgetCell& cell : grid_cells(spec, size, replay)) {
    const double batches = cell.tokens_per_param * static_cast<double>(size.params_budget) /
                           (1 - replay) / static_cast<double>(batch_tokens);
    if (cell.tokens_per_param < spec.least_tokens_per_param ||
        cell.tokens_per_param > spec.most_tokens_per_param || batches < kFewestBatches) {
      ++cells.left_out;
    } else {
      cells.kept.push_back(std::move(cell));
    }
  }
  return cells;
}

}  // namespace crosslaw::sweep
