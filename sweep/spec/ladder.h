#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "fit/data/records.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::sweep {

struct ModelSize {
  std::string name;
  trainer::ModelShape shape;
  int64_t params_budget =
      0;  // nominal_params, else all parameters: what tokens_per_param multiplies
};

// The table of a ladder, with a column "name" at least; lines that start with # are comments.
// This and what follows throw std::invalid_argument naming file, line and column.
fit::Records read_ladder_table(const std::filesystem::path& file);

// A column that nothing reads is a mistake: "kv_head" would leave every size with as many as heads.
void require_known_columns(const fit::Records& table, const std::vector<std::string>& known);

// A table with the columns name, hidden, ffn, heads, layers and, if wanted, kv_heads, head_dim and
// nominal_params, and no other.
std::vector<ModelSize> sizes_in(const fit::Records& table, int64_t vocabulary, bool tied_head);

// Both in one: the sizes of a sweep's ladder.
std::vector<ModelSize> read_ladder(const std::filesystem::path& file, int64_t vocabulary,
                                   bool tied_head);

}  // namespace crosslaw::sweep
