#include "fit/allocate/target.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "fit/laws/law_parts.h"

namespace crosslaw::fit {
namespace {

using Quantity = Target::Quantity;

constexpr std::array<std::pair<Quantity, std::string_view>, 3> kOfBudget = {
    {{Quantity::kParams, "N*"}, {Quantity::kTokens, "D*"}, {Quantity::kLoss, "loss"}}};

}  // namespace

std::string name_of(const Target& target) {
  for (const auto& [quantity, name] : kOfBudget) {
    if (quantity == target.quantity) return labelled(target.strategy, name);
  }
  return target.coefficient;
}

Target find_target(const Law& law, const std::string& name) {
  if (law.has(name)) return {Quantity::kCoefficient, "", name};
  const std::vector<LawPart> parts = parts_of(law);
  std::string known;
  for (const auto& [quantity, plain] : kOfBudget) {
    if (name == plain) return {quantity, std::string(parts.back().strategy), ""};
    known += fmt::format("{}, ", plain);
    for (const LawPart& part : parts) {
      const Target target{quantity, std::string(part.strategy), ""};
      if (name_of(target) == name) return target;
      if (parts.size() > 1) known += name_of(target) + ", ";
    }
  }
  for (const CoefficientInfo& info : law.coefficients) known += fmt::format("{}, ", info.name);
  throw std::invalid_argument(fmt::format("target '{}' is not known; of law '{}' it may be {}",
                                          name, law.name, known.substr(0, known.size() - 2)));
}

std::optional<double> value_of(const Target& target, const Law& law, const Theta& theta,
                               const Budget& budget) {
  if (!target.of_budget()) {
    const int i = law.index(target.coefficient);
    return coefficient_value(law.coefficients[static_cast<std::size_t>(i)], theta[i]);
  }
  for (const LawPart& part : parts_of(law)) {
    if (part.strategy != target.strategy) continue;
    const std::optional<Split> best = best_split(*part.law, part_theta(part, theta), budget);
    if (!best) return std::nullopt;
    return target.quantity == Quantity::kParams   ? best->params
           : target.quantity == Quantity::kTokens ? best->tokens
                                                  : best->loss;
  }
  throw std::invalid_argument(
      fmt::format("law '{}' has no strategy '{}'", law.name, target.strategy));
}

}  // namespace crosslaw::fit
