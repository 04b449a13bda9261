#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/study/observations.h"

namespace crosslaw::apps {

// One size of a sweep with its real parameters (arXiv:2407.02118, Table 4, whose nominal sizes are
// none of these).
struct ModelSizeRow {
  std::string size;
  std::int64_t embedding = 0, unembedding = 0, blocks = 0, norms = 0;
  std::int64_t total = 0;
  std::int64_t budget = 0;     // that tokens_per_param multiplies
  double flops_per_token = 0;  // exact, of training
};

// By total parameters; each size once.
std::vector<ModelSizeRow> model_sizes(const Observations& observations);

}  // namespace crosslaw::apps
