#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/allocate/allocation.h"
#include "fit/data/data_file.h"
#include "fit/data/records.h"
#include "fit/solve/fitter.h"

// How far an answer depends on what N and C count: the same points refitted under each convention.
namespace crosslaw::fit {

// The same runs with N counted in one way. Where the points carry measured compute, they are
// allocated under it as well as under 6ND.
struct CountedPoints {
  std::string params;  // the convention in words
  Points points;
};

struct ConventionRow {
  std::string params;
  std::string compute;               // "6ND" or "measured"
  std::string strategy;              // "" where there is only one
  std::optional<Coefficient> alpha;  // absent where the law has none, or there is no fit
  std::optional<Coefficient> beta;
  std::optional<Coefficient> gamma;
  Estimate params_exponent;         // of N* in C
  std::vector<AllocationRow> rows;  // one a budget; none where there is no answer
  std::string refused;              // why
};

// The largest over the smallest answer of one strategy at one budget.
struct ConventionSpread {
  double flops = 0;
  std::string strategy;
  double params_factor = 1;
  double tokens_factor = 1;
};

struct ConventionReport {
  std::vector<double> flops;
  std::vector<ConventionRow> rows;
  std::vector<ConventionSpread> spread;  // of strategies with two answers or more
};

// Ways to count N in a file whose rows options.where keeps: with the columns params_embedding,
// params_unembedding, params_blocks and params_norms all of them, those without embeddings, and
// the blocks alone; then options.params and every other column whose name starts with N or params,
// whatever the case, that is positive in every row and within a factor of 1000 of options.params
// (a number of layers or heads is not).
std::vector<std::string> params_conventions(const Records& records, const DataFileOptions& options);

// A convention that cannot be fitted is a row that says why. options.flops may be empty: then the
// budgets are the largest compute of the first convention's points and ten times that.
ConventionReport compare_conventions(const std::vector<CountedPoints>& conventions,
                                     const FitOptions& fit, const AllocationOptions& options);

}  // namespace crosslaw::fit
