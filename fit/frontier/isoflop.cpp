#include "fit/frontier/isoflop.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "fit/solve/parallel.h"
#include "fit/solve/resample.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kFewestSizes = 4;  // three determine a parabola and tell nothing about it
constexpr double kSameSize = 0.01;       // sizes closer than this, relatively, are one
constexpr double kWidestBudget = 1.5;  // C within one budget; beyond, C moves the loss more than N
constexpr double kWideGrid = 50;       // sizes further apart than this bias a parabola
constexpr double kOffCentre = 0.5;

// The points of one budget, in logs around their own centre.
struct Group {
  std::vector<int> members;
  double log_flops = 0;  // mean
  double centre = 0;     // middle of the sampled log N
  double half_width = 0;
};

// log loss = level + slope u + bend u^2 with u = (log N - centre) / half_width; log(D N / C) has
// the coefficients `ratio` of 1, u and u^2.
struct Parabola {
  double level = 0, slope = 0, bend = 0;
  std::array<double, 3> ratio{};

  double vertex() const { return -slope / (2 * bend); }
  double log_loss(double u) const { return level + u * (slope + u * bend); }
  double log_ratio(double u) const { return ratio[0] + u * (ratio[1] + u * ratio[2]); }
  bool has_minimum_inside() const { return bend > 0 && std::abs(slope) < 2 * bend; }
};

double log_params(const Point& point) { return std::log(point.params); }

// What the bootstrap draws give: the minima of each budget, and the laws through them.
struct Worlds {
  std::vector<std::vector<std::optional<FrontierPoint>>> minima;  // budget x draw
  std::vector<std::optional<FrontierLaws>> laws;
};

class Isoflop {
 public:
  Isoflop(const Points& points, const IsoflopOptions& options);
  IsoflopFit fit() const;

 private:
  const Point& point(int i) const { return points_[static_cast<std::size_t>(i)]; }
  double scaled(int i, const Group& group) const {
    return (log_params(point(i)) - group.centre) / group.half_width;
  }
  std::optional<Parabola> parabola(const Group& group, const std::vector<double>& count,
                                   const std::vector<double>& log_loss) const;
  FrontierPoint minimum(const Group& group, const Parabola& curve) const;
  IsoflopBudget describe(const Group& group, std::optional<Parabola>& curve) const;
  std::size_t sizes(const Group& group, const std::vector<double>& count) const;
  bool runs_stay_within_budgets() const;
  std::vector<int> budget_of_points() const;
  double noise(const std::vector<std::optional<Parabola>>& curves) const;
  Worlds draw(const std::vector<std::optional<Parabola>>& curves, bool within) const;
  void add_spread(const std::vector<std::optional<Parabola>>& curves, IsoflopFit& out) const;

  const Points& points_;
  const IsoflopOptions& options_;
  std::vector<Group> groups_;
  std::vector<double> log_loss_;
};

Isoflop::Isoflop(const Points& points, const IsoflopOptions& options)
    : points_(points), options_(options) {
  std::vector<int> order = all_indices(points);
  const auto flops = [&](int i) { return std::log(training_flops(point(i))); };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return flops(a) < flops(b); });
  const double step = std::log1p(options.same_budget);
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (k == 0 || flops(order[k]) - flops(order[k - 1]) > step) groups_.emplace_back();
    groups_.back().members.push_back(order[k]);
  }
  for (Group& group : groups_) {
    double low = log_params(point(group.members.front())), high = low;
    for (const int i : group.members) {
      low = std::min(low, log_params(point(i)));
      high = std::max(high, log_params(point(i)));
      group.log_flops += flops(i) / static_cast<double>(group.members.size());
    }
    group.centre = (low + high) / 2;
    group.half_width = (high - low) / 2;
  }
  for (const Point& each : points) log_loss_.push_back(std::log(each.loss));
}

std::size_t Isoflop::sizes(const Group& group, const std::vector<double>& count) const {
  std::vector<double> logs;
  for (const int i : group.members) {
    if (count[static_cast<std::size_t>(i)] > 0) logs.push_back(log_params(point(i)));
  }
  std::sort(logs.begin(), logs.end());
  std::size_t out = 0;
  double last = 0;
  for (const double each : logs) {
    if (out > 0 && each - last <= kSameSize) continue;
    ++out;
    last = each;
  }
  return out;
}

// Empty where fewer than three sizes occur: nothing determines a parabola.
std::optional<Parabola> Isoflop::parabola(const Group& group, const std::vector<double>& count,
                                          const std::vector<double>& log_loss) const {
  if (sizes(group, count) < 3) return std::nullopt;
  Eigen::Matrix3d normal = Eigen::Matrix3d::Zero();
  Eigen::Vector3d right = Eigen::Vector3d::Zero();
  Eigen::Vector3d ratio = Eigen::Vector3d::Zero();
  for (const int i : group.members) {
    const auto at = static_cast<std::size_t>(i);
    const double weight = count[at] * point(i).weight;
    const double u = scaled(i, group);
    const Eigen::Vector3d row(1, u, u * u);
    const double log_ratio =
        log_params(point(i)) + std::log(point(i).tokens) - std::log(training_flops(point(i)));
    normal += weight * row * row.transpose();
    right += weight * row * log_loss[at];
    ratio += weight * row * log_ratio;
  }
  const auto solver = normal.ldlt();
  const Eigen::Vector3d loss = solver.solve(right), tokens = solver.solve(ratio);
  return Parabola{loss[0], loss[1], loss[2], {tokens[0], tokens[1], tokens[2]}};
}

FrontierPoint Isoflop::minimum(const Group& group, const Parabola& curve) const {
  const double u = curve.vertex();
  const double log_n = group.centre + group.half_width * u;
  return {group.log_flops, log_n, group.log_flops - log_n + curve.log_ratio(u), curve.log_loss(u)};
}

BudgetUse use_of(const IsoflopBudget& budget, const std::optional<Parabola>& curve) {
  if (budget.sizes < kFewestSizes) return BudgetUse::kTooFewSizes;
  if (budget.flops_range.high > kWidestBudget * budget.flops_range.low) {
    return BudgetUse::kNotOneBudget;
  }
  if (!curve || !(curve->bend > 0)) return BudgetUse::kBendsDownwards;
  return curve->has_minimum_inside() ? BudgetUse::kUsed : BudgetUse::kMinimumOutside;
}

std::string why_left_out(const IsoflopBudget& budget, const std::optional<Parabola>& curve) {
  switch (budget.use) {
    case BudgetUse::kTooFewSizes:
      return fmt::format("{} size{}, at least {} are needed", budget.sizes,
                         budget.sizes == 1 ? "" : "s", kFewestSizes);
    case BudgetUse::kNotOneBudget:
      return fmt::format(
          "its compute ranges from {:.3g} to {:.3g}: not one budget; make "
          "same_budget smaller",
          budget.flops_range.low, budget.flops_range.high);
    case BudgetUse::kBendsDownwards:
      return "the parabola has no minimum: it bends downwards";
    case BudgetUse::kMinimumOutside:
      return fmt::format("the minimum lies {} the sampled sizes",
                         curve->vertex() < 0 ? "below" : "above");
    case BudgetUse::kUsed:
      break;
  }
  return "";
}

// Fills `curve` where the budget can be used.
IsoflopBudget Isoflop::describe(const Group& group, std::optional<Parabola>& curve) const {
  IsoflopBudget out;
  const std::vector<double> once(points_.size(), 1);
  out.flops = std::exp(group.log_flops);
  out.flops_range = {training_flops(point(group.members.front())),
                     training_flops(point(group.members.back()))};
  out.points = group.members.size();
  out.sizes = sizes(group, once);
  out.params = {std::exp(group.centre - group.half_width),
                std::exp(group.centre + group.half_width)};
  const auto best = std::min_element(group.members.begin(), group.members.end(),
                                     [&](int a, int b) { return point(a).loss < point(b).loss; });
  out.best_params = point(*best).params;
  out.width = out.params.high / out.params.low;
  if (out.sizes >= kFewestSizes) curve = parabola(group, once, log_loss_);
  out.use = use_of(out, curve);
  out.left_out = why_left_out(out, curve);
  if (out.use != BudgetUse::kUsed) {
    curve.reset();
    return out;
  }
  const FrontierPoint at = minimum(group, *curve);
  out.curvature = curve->bend / (group.half_width * group.half_width);
  out.off_centre = curve->vertex();
  out.params_optimum.value = std::exp(at.log_params);
  out.tokens_optimum.value = std::exp(at.log_tokens);
  out.loss.value = std::exp(at.log_loss);
  const double reach = std::sqrt(std::log1p(options_.flat_share) / out.curvature);
  out.flat = {std::exp(at.log_params - reach), std::exp(at.log_params + reach)};
  double squares = 0;
  for (const int i : group.members) {
    const double fitted = curve->log_loss(scaled(i, group));
    squares += std::pow(log_loss_[static_cast<std::size_t>(i)] - fitted, 2);
  }
  out.rms = std::sqrt(squares / static_cast<double>(out.points));
  return out;
}

std::vector<int> Isoflop::budget_of_points() const {
  std::vector<int> out(points_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (const int i : groups_[g].members) out[static_cast<std::size_t>(i)] = static_cast<int>(g);
  }
  return out;
}

bool Isoflop::runs_stay_within_budgets() const {
  if (options_.frontier.resampling != Resampling::kClusters) return true;
  const std::vector<int> budget = budget_of_points();
  std::map<int, int> of_run;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (points_[i].cluster < 0) continue;
    if (of_run.emplace(points_[i].cluster, budget[i]).first->second != budget[i]) return false;
  }
  return true;
}

// Standard deviation of log loss around the parabolas, three coefficients a budget taken off.
double Isoflop::noise(const std::vector<std::optional<Parabola>>& curves) const {
  double squares = 0, freedom = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (!curves[g]) continue;
    freedom += static_cast<double>(groups_[g].members.size()) - 3;
    for (const int i : groups_[g].members) {
      const double fitted = curves[g]->log_loss(scaled(i, groups_[g]));
      squares += std::pow(log_loss_[static_cast<std::size_t>(i)] - fitted, 2);
    }
  }
  return freedom > 0 ? std::sqrt(squares / freedom) : 0;
}

// Repeats everything behind the choice of budgets in each bootstrap world.
Worlds Isoflop::draw(const std::vector<std::optional<Parabola>>& curves, bool within) const {
  const FrontierOptions& settings = options_.frontier;
  const auto draws = static_cast<std::size_t>(settings.draws);
  const double scale = noise(curves);
  const Resampler resampler(points_, settings.resampling, settings.seed,
                            within ? budget_of_points() : std::vector<int>{});
  Worlds out;
  out.minima.assign(groups_.size(), std::vector<std::optional<FrontierPoint>>(draws));
  out.laws.resize(draws);
  parallel_for(settings.draws, settings.threads, [&](int draw) {
    const auto row = static_cast<std::size_t>(draw);
    const Resample world = resampler.draw(draw);
    std::vector<double> log_loss = log_loss_;
    std::vector<FrontierPoint> found;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (!curves[g]) continue;
      for (const int i : world.normal.empty() ? std::vector<int>{} : groups_[g].members) {
        const auto at = static_cast<std::size_t>(i);
        log_loss[at] = curves[g]->log_loss(scaled(i, groups_[g])) + scale * world.normal[at];
      }
      const std::optional<Parabola> curve = parabola(groups_[g], world.count, log_loss);
      if (!curve || !curve->has_minimum_inside()) continue;
      found.push_back(minimum(groups_[g], *curve));
      out.minima[g][row] = found.back();
    }
    out.laws[row] = frontier_laws(found);
  });
  return out;
}

void Isoflop::add_spread(const std::vector<std::optional<Parabola>>& curves,
                         IsoflopFit& out) const {
  const Worlds worlds = draw(curves, out.within_budgets);
  std::vector<FrontierPoint> points;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (!curves[g]) continue;
    points.push_back(minimum(groups_[g], *curves[g]));
    const auto spread = [&](double FrontierPoint::*which) {
      std::vector<std::optional<double>> values;
      for (const auto& each : worlds.minima[g]) {
        values.push_back(each ? std::optional(std::exp((*each).*which)) : std::nullopt);
      }
      return summarise(std::exp(points.back().*which), values);
    };
    out.budgets[g].params_optimum = spread(&FrontierPoint::log_params);
    out.budgets[g].tokens_optimum = spread(&FrontierPoint::log_tokens);
    out.budgets[g].loss = spread(&FrontierPoint::log_loss);
  }
  out.frontier = measure_frontier(points, worlds.laws, options_.frontier.flops);
}

std::string budget_name(const IsoflopBudget& budget) {
  return fmt::format("C = {:.4g}", budget.flops);
}

void add_warnings(IsoflopFit& fit) {
  for (const IsoflopBudget& budget : fit.budgets) {
    if (budget.use != BudgetUse::kUsed) continue;
    if (budget.width > kWideGrid) {
      fit.warnings.push_back(fmt::format(
          "{}: sizes are {:.3g} times apart; beyond {} a parabola is biased even without noise",
          budget_name(budget), budget.width, kWideGrid));
    }
    if (std::abs(budget.off_centre) > kOffCentre) {
      fit.warnings.push_back(
          fmt::format("{}: the minimum lies {:.0f} % of the way from the middle to the {} of the "
                      "sampled sizes; "
                      "a parabola is biased off the centre even without noise",
                      budget_name(budget), 100 * std::abs(budget.off_centre),
                      budget.off_centre > 0 ? "largest" : "smallest"));
    }
    if (budget.params_optimum.undefined > kTail) {
      fit.warnings.push_back(fmt::format(
          "{}: {:.0f} % of the draws have no minimum inside the sampled sizes: no interval is "
          "given",
          budget_name(budget), 100 * budget.params_optimum.undefined));
    }
  }
  if (fit.used() == 0) {
    fit.warnings.push_back("no budget has a usable minimum");
  } else if (!fit.frontier) {
    fit.warnings.push_back("one usable budget only: power laws need at least two");
  } else if (fit.used() == 2) {
    fit.warnings.push_back("two usable budgets only: the power laws fit them whatever they are");
  }
}

IsoflopFit Isoflop::fit() const {
  IsoflopFit out;
  out.options = options_;
  out.within_budgets = runs_stay_within_budgets();
  std::vector<std::optional<Parabola>> curves(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    out.budgets.push_back(describe(groups_[g], curves[g]));
  }
  add_spread(curves, out);
  add_warnings(out);
  return out;
}

}  // namespace

std::vector<std::string> problems(const IsoflopOptions& options) {
  std::vector<std::string> out = problems(options.frontier);
  if (!(options.same_budget >= 0 && options.same_budget < kWidestBudget - 1)) {
    out.push_back(fmt::format("same_budget = {} must be at least 0 and below {}",
                              options.same_budget, kWidestBudget - 1));
  }
  if (!(options.flat_share > 0 && options.flat_share < 1)) {
    out.push_back(fmt::format("flat_share = {} must be between 0 and 1", options.flat_share));
  }
  return out;
}

std::size_t IsoflopFit::used() const {
  return static_cast<std::size_t>(
      std::count_if(budgets.begin(), budgets.end(),
                    [](const IsoflopBudget& each) { return each.use == BudgetUse::kUsed; }));
}

IsoflopFit fit_isoflop(const Points& points, const IsoflopOptions& options) {
  require_frontier_input(points, problems(options));
  return Isoflop(points, options).fit();
}

}  // namespace crosslaw::fit
