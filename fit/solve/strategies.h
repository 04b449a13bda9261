#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fit/laws/law_parts.h"
#include "fit/solve/fit_result.h"

// A fit strategy by strategy, whether all were fitted at once or one after the other.
namespace crosslaw::fit {

// What a fit says of one strategy.
struct StrategyFit {
  std::string name;            // "" where the law has only one
  std::optional<Stage> stage;  // of its points; empty: all
  FitResult fit;               // of a law of its own; row r of its draws is part of row r of all
};

// One entry a strategy, in the order of the law's parts. They count N and C as the whole fit does.
std::vector<StrategyFit> strategy_fits(const FitResult& fit);
// That of one name. Throws std::invalid_argument where the fit has none such.
FitResult strategy_fit(const FitResult& fit, std::string_view name);

// The parts of the law in the order in which they were fitted, each keeping what those before it
// had found: the whole law, or every part of a two-stage fit.
std::vector<LawPart> fitting_order(const FitResult& fit);

// One minimisation behind a fit: the whole law on all points, or a part on those it describes.
struct FittedPart {
  LawPart part;
  const FitResult* fit = nullptr;  // within the fit asked
};

// Throws std::invalid_argument for a fit by stages that has lost them (a file written by hand).
std::vector<FittedPart> fitted_parts(const FitResult& fit);

// Coefficients that were fitted, over all minimisations: those inherited count once.
int free_coefficients(const FitResult& fit);

}  // namespace crosslaw::fit
