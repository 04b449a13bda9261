#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

struct ModelSize {
  std::string name;
  trainer::ModelShape shape;
  int64_t params_budget =
      0;  // nominal_params, else all parameters: what tokens_per_param multiplies
};

// Reads a CSV with the columns name, hidden, ffn, heads, layers and, if wanted, nominal_params;
// lines that start with # are comments. Throws std::invalid_argument naming file, line and column.
std::vector<ModelSize> read_ladder(const std::filesystem::path& file, int64_t vocabulary,
                                   bool tied_head);

}  // namespace crosslaw::sweep
