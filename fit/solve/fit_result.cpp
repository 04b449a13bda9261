#include "fit/solve/fit_result.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fit/data/closest_name.h"

namespace crosslaw::fit {
namespace {

constexpr std::array<std::pair<std::string_view, Resampling>, 4> kResamplings = {
    {{"auto", Resampling::kAuto},
     {"pairs", Resampling::kPairs},
     {"clusters", Resampling::kClusters},
     {"parametric", Resampling::kParametric}}};

}  // namespace

std::string_view name_of(Resampling kind) {
  for (const auto& [name, each] : kResamplings) {
    if (each == kind) return name;
  }
  throw std::logic_error("a resampling without a name");
}

Resampling find_resampling(std::string_view name) {
  std::vector<std::string> known;
  for (const auto& [each, kind] : kResamplings) {
    if (each == name) return kind;
    known.emplace_back(each);
  }
  throw std::invalid_argument(fmt::format("resampling '{}' is not known{}; it must be one of {}",
                                          name, did_you_mean(name, known), fmt::join(known, ", ")));
}

std::vector<Derived> FitResult::derived() const {
  std::vector<Derived> out;
  for (const DerivedInfo& info : law->derived) {
    const Estimate spread =
        estimate(*this, [&](const Theta& at) { return std::optional(info.value(at)); });
    out.push_back({std::string(info.name), info.value(theta), spread.se, spread.ci95});
  }
  return out;
}

const Coefficient& FitResult::coefficient(std::string_view name) const {
  return coefficients.at(static_cast<std::size_t>(law->index(name)));
}

Estimate estimate(const FitResult& fit,
                  const std::function<std::optional<double>(const Theta&)>& quantity) {
  std::vector<std::optional<double>> draws(static_cast<std::size_t>(fit.draws.rows()));
  for (Eigen::Index r = 0; r < fit.draws.rows(); ++r) {
    draws[static_cast<std::size_t>(r)] = quantity(fit.draws.row(r).transpose());
  }
  return summarise(quantity(fit.theta), draws);
}

FitResult from_values(const Law& law, const std::vector<double>& values) {
  FitResult result;
  result.law = &law;
  result.method = "given";
  result.theta = theta_from_values(law, values);
  result.draws.resize(0, law.size());
  result.converged = true;
  result.identifiable = true;
  for (int i = 0; i < law.size(); ++i) {
    Coefficient coefficient;
    coefficient.name = law.coefficients[static_cast<std::size_t>(i)].name;
    coefficient.value = values[static_cast<std::size_t>(i)];
    result.coefficients.push_back(coefficient);
  }
  return result;
}

}  // namespace crosslaw::fit
