#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/allocate/ladder_choice.h"

namespace crosslaw::apps {

// A CSV of real sizes: either name, params[, flops_per_token], or the shapes of a sweep's ladder
// (name, hidden, ffn, heads, layers[, nominal_params]), whose FLOPs a token are then exact,
// attention and head included.
struct LadderFile {
  std::string path;
  // What a shape leaves open.
  int64_t vocabulary = 32000;
  int64_t context_tokens = 2048;
  bool tied_head = false;
  ParamsCount count = ParamsCount::kAll;  // which parameters are N; must be as in the fit
};

// Throws std::invalid_argument for a file that is neither.
std::vector<fit::LadderSize> read_ladder(const LadderFile& file);

}  // namespace crosslaw::apps
