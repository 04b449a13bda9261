#include "fit/evidence/residual_trend.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "fit/data/median.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kFewestPoints = 24, kMostGroups = 12, kFewestInGroup = 6, kFewestGroups = 3;

}  // namespace

std::vector<double> log_residuals(const FitResult& fit, const Points& points) {
  if (points.empty()) return {};
  const Objective objective = make_objective(*fit.law, points, fit.huber_delta);
  const Eigen::VectorXd r = residuals(objective, objective.centred(fit.theta));
  std::vector<double> out;
  for (Eigen::Index i = 0; i < r.size(); ++i)
    out.push_back(-r[i]);  // the solver's sign is opposite
  return out;
}

std::vector<TrendSpot> running_median(const std::vector<double>& x,
                                      const std::vector<double>& residuals) {
  if (x.size() != residuals.size())
    throw std::invalid_argument("running_median: one residual for each x is needed");
  if (x.size() < kFewestPoints) return {};
  std::vector<TrendSpot> spots;
  for (std::size_t i = 0; i < x.size(); ++i) spots.push_back({x[i], residuals[i]});
  std::sort(spots.begin(), spots.end(),
            [](const TrendSpot& a, const TrendSpot& b) { return a.x < b.x; });
  const std::size_t groups = std::min(kMostGroups, spots.size() / kFewestInGroup);
  const std::size_t least = spots.size() / groups;
  std::vector<TrendSpot> out;
  for (std::size_t from = 0; from < spots.size();) {
    std::size_t to = std::min(from + least, spots.size());
    if (spots.size() - to < least / 2) to = spots.size();  // a small rest joins the last group
    while (to < spots.size() && spots[to].x == spots[to - 1].x) ++to;
    std::vector<double> across, up;
    for (std::size_t i = from; i < to; ++i) {
      across.push_back(spots[i].x);
      up.push_back(spots[i].residual);
    }
    out.push_back({upper_median(std::move(across)), upper_median(std::move(up))});
    from = to;
  }
  return out.size() < kFewestGroups ? std::vector<TrendSpot>{} : out;
}

}  // namespace crosslaw::fit
