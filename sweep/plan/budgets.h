#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"

namespace crosslaw::sweep {

// One budget of one size.
struct BudgetCell {
  double tokens_per_param = 0;  // of the target language
  std::string label;            // as the run's name has it: "20tpp", "1e+09tok", "1e+18C"
};

// Of a number of tokens a parameter: "20tpp".
BudgetCell ratio_cell(double tokens_per_param);

struct BudgetCells {
  std::vector<BudgetCell> kept;  // tokens rising
  std::size_t left_out = 0;      // outside the spec's range, or less than one batch
};

// What the strategy trains of this size, replayed tokens on top of the target's. Tokens or FLOPs of
// the spec become tokens a parameter; FLOPs are those of all tokens, replayed ones included.
BudgetCells budget_cells(const SweepSpec& spec, const StrategySpec& strategy, const ModelSize& size,
                         double replay, int64_t batch_tokens);

}  // namespace crosslaw::sweep
