#pragma once

#include <optional>
#include <string>

#include "fit/allocate/best_split.h"

namespace crosslaw::fit {

// What one asks of a fit: a coefficient, or the best split of a budget under one strategy.
struct Target {
  enum class Quantity { kCoefficient, kParams, kTokens, kLoss };

  Quantity quantity = Quantity::kParams;
  std::string strategy;     // of N*, D* and the loss; "" where the law has only one
  std::string coefficient;  // the name of one

  bool operator==(const Target&) const = default;
  bool of_budget() const { return quantity != Quantity::kCoefficient; }
};

// As users write it: "beta", "N*", "scratch loss".
std::string name_of(const Target& target);

// The inverse; without a strategy that of the law's last one, which is what such laws are about.
// Throws std::invalid_argument naming what there is.
Target find_target(const Law& law, const std::string& name);

// Its value by a plain theta of the law, in the unit users read. Empty where there is no optimum.
std::optional<double> value_of(const Target& target, const Law& law, const Theta& theta,
                               const Budget& budget);

}  // namespace crosslaw::fit
