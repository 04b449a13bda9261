#include "fit/solve/strategies.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "fit/solve/fitter.h"

namespace crosslaw::fit {
namespace {

// The part's coefficients and draws cut from those of the whole law.
FitResult cut(const FitResult& fit, const LawPart& part) {
  FitResult out = fit;
  out.law = part.law;
  out.stages.clear();
  out.theta = part_theta(part, fit.theta);
  out.coefficients.clear();
  out.draws.resize(fit.draws.rows(), part.law->size());
  for (std::size_t i = 0; i < part.coefficients.size(); ++i) {
    const int place = part.coefficients[i];
    out.coefficients.push_back(fit.coefficients[static_cast<std::size_t>(place)]);
    out.coefficients.back().name = part.law->coefficients[i].name;
    out.draws.col(static_cast<Eigen::Index>(i)) = fit.draws.col(place);
  }
  // The other strategy's coefficients are no concern of this one.
  out.identifiable = std::all_of(out.coefficients.begin(), out.coefficients.end(),
                                 [](const Coefficient& each) { return each.identifiable; });
  if (out.identifiable) out.confounded.clear();
  return out;
}

}  // namespace

std::vector<StrategyFit> strategy_fits(const FitResult& fit) {
  const std::vector<LawPart> parts = parts_of(*fit.law);
  if (parts.size() == 1) return {{"", std::nullopt, fit}};
  std::vector<StrategyFit> out;
  for (std::size_t s = 0; s < parts.size(); ++s) {
    out.push_back({std::string(parts[s].strategy), parts[s].stage,
                   fit.stages.empty() ? cut(fit, parts[s]) : fit.stages.at(s)});
    out.back().fit.convention = fit.convention;
    out.back().fit.compute = fit.compute;
  }
  return out;
}

FitResult strategy_fit(const FitResult& fit, std::string_view name) {
  for (StrategyFit& each : strategy_fits(fit)) {
    if (each.name == name) return std::move(each.fit);
  }
  throw std::invalid_argument(
      fmt::format("a fit of law '{}' has no strategy '{}'", fit.law->name, name));
}

std::vector<LawPart> fitting_order(const FitResult& fit) {
  if (fit.method == kTwoStageLaw) return parts_of(*fit.law);
  return {whole_of(*fit.law)};
}

std::vector<FittedPart> fitted_parts(const FitResult& fit) {
  const std::vector<LawPart> parts = fitting_order(fit);
  if (parts.size() == 1) return {{parts.front(), &fit}};
  if (fit.stages.size() != parts.size()) {
    throw std::invalid_argument("the stages of this fit are not known; make it from its points");
  }
  std::vector<FittedPart> out;
  for (std::size_t s = 0; s < parts.size(); ++s) out.push_back({parts[s], &fit.stages[s]});
  return out;
}

int free_coefficients(const FitResult& fit) {
  int out = 0;
  for (const FittedPart& each : fitted_parts(fit)) {
    out +=
        static_cast<int>(std::count_if(each.fit->coefficients.begin(), each.fit->coefficients.end(),
                                       [](const Coefficient& c) { return !c.frozen; }));
  }
  return out;
}

}  // namespace crosslaw::fit
