#include "fit/allocate/next_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "fit/allocate/stage_optimum.h"
#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "fit/solve/noise_factors.h"
#include "fit/solve/objective.h"

namespace crosslaw::fit {
namespace {

constexpr double kRidge = 1e-10;  // of the largest information: keeps singular designs finite
constexpr double kHopeless = 20;  // a standard error beyond e^20 is no knowledge at all
constexpr double kWorthSwapping = 0.999;  // an exchange must lower the variance by more than this
constexpr int kMostPasses = 5;
constexpr double kEnough = 1.01;  // of the least error: what the list may end with

using TargetValue = std::function<std::optional<double>(const Theta&)>;  // of plain theta

struct Target {
  TargetValue answer;
  bool relative;
};

Target optimum_target(const Law& law, const std::string& name, const Budget& budget) {
  const bool joint = &law == &joint_law();
  const Stage stage = joint && !name.starts_with("scratch ") ? Stage::kContinued : Stage::kScratch;
  double Split::*const which = name.ends_with("N*") ? &Split::params : &Split::loss;
  const auto answer = [&law, stage, budget, which](const Theta& theta) -> std::optional<double> {
    const std::optional<Split> best = stage_optimum(law, theta, stage, budget);
    return best ? std::optional(std::log((*best).*which)) : std::nullopt;
  };
  return {answer, true};
}

Target find_target(const FitResult& fit, const NextRunsOptions& options) {
  const Law& law = *fit.law;
  const std::string& name = options.target;
  if (law.has(name)) {
    const int i = law.index(name);
    const bool exponent = law.coefficients[static_cast<std::size_t>(i)].kind == Kind::kExponent;
    return {[i](const Theta& theta) { return std::optional(theta[i]); }, !exponent};
  }
  std::vector<std::string> optima = {"N*", "loss"};
  if (&law == &joint_law()) optima.insert(optima.end(), {"scratch N*", "scratch loss"});
  if (std::find(optima.begin(), optima.end(), name) != optima.end()) {
    const ComputeModel compute = fit.compute.value_or(ComputeModel{});
    return optimum_target(law, name, {options.target_flops, compute, {}});
  }
  std::string known = fmt::format("{}", fmt::join(optima, ", "));
  for (const CoefficientInfo& info : law.coefficients) known += fmt::format(", {}", info.name);
  throw std::invalid_argument(
      fmt::format("target '{}' is not known; of law '{}' it may be {}", name, law.name, known));
}

// J^T W J of each stage.
struct StageInformation {
  Square scratch;
  Square continued;

  void add(const Theta& slope, Stage stage, double weight = 1) {
    (stage == Stage::kContinued ? continued : scratch) += weight * slope * slope.transpose();
  }
};

double one_stage_variance(const StageInformation& known, const Theta& c) {
  const Square all = known.scratch + known.continued;
  return c.dot(Theta(all.ldlt().solve(c)));
}

// E, A, alpha, B and beta scatter as the scratch runs leave them; what they get wrong moves the
// three coefficients that the continued runs are then fitted with.
double two_stage_variance(const StageInformation& known, const Theta& c) {
  const Theta own = known.continued.bottomRightCorner<3, 3>().ldlt().solve(c.tail<3>());
  const Theta first = c.head<5>() - known.continued.topRightCorner<5, 3>() * own;
  const Theta solved = known.scratch.topLeftCorner<5, 5>().ldlt().solve(first);
  return c.tail<3>().dot(own) + first.dot(solved);
}

// The information of the runs so far about a target, and what one more would add.
class Information {
 public:
  Information(const Points& points, const FitResult& fit, const Target& target)
      : problem_(make_problem(*fit.law, points, fit.huber_delta)),
        theta_(problem_.centred(fit.theta)),
        two_stage_(fit.method == kTwoStageLaw) {
    noise_ = expected_error(fit_noise(problem_, theta_), fit.huber_delta);
    const Eigen::MatrixXd rows = jacobian(problem_, theta_);
    const Square nothing = Square::Zero(theta_.size(), theta_.size());
    known_ = {nothing, nothing};
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
      const Point& point = points[static_cast<std::size_t>(i)];
      known_.add(rows.row(i).transpose(), point.stage, point.weight);
    }
    const double most = (known_.scratch + known_.continued).diagonal().maxCoeff();
    known_.scratch.diagonal().array() += kRidge * most;
    known_.continued.diagonal().array() += kRidge * most;
    direction_ = slope_of(target);
    variance_ = variance_of(known_);
  }

  double noise() const { return noise_; }
  double error() const { return noise_ * std::sqrt(variance_); }

  Theta slope_at(const CandidateRun& run) const {
    Theta g(theta_.size());
    const Sample at{std::log(run.params) - problem_.mean_log_params,
                    std::log(run.tokens) - problem_.mean_log_tokens, 0, 1,
                    run.stage == Stage::kContinued};
    problem_.law->log_loss(theta_.data(), at, g.data());
    return g;
  }

  // Fall of the variance by a run with this slope.
  double gain(const Theta& slope, Stage stage) const {
    StageInformation more = known_;
    more.add(slope, stage);
    return variance_ - variance_of(more);
  }

  void add(const Theta& slope, Stage stage) {
    known_.add(slope, stage);
    variance_ = variance_of(known_);
  }

 private:
  Theta slope_of(const Target& target) const {
    constexpr double kDifference = 1e-4;  // well above the tolerance of a searched optimum
    Theta out(theta_.size());
    for (int i = 0; i < theta_.size(); ++i) {
      Theta up = theta_, down = theta_;
      up[i] += kDifference;
      down[i] -= kDifference;
      const std::optional<double> high = target.answer(problem_.plain(up));
      const std::optional<double> low = target.answer(problem_.plain(down));
      if (!high || !low) {
        throw std::invalid_argument(
            "the fitted law has no compute-optimal size, so nothing can make it sharper; choose a "
            "coefficient as the target");
      }
      out[i] = (*high - *low) / (2 * kDifference);
    }
    return out;
  }

  double variance_of(const StageInformation& known) const {
    const double variance =
        two_stage_ ? two_stage_variance(known, direction_) : one_stage_variance(known, direction_);
    return std::max(0.0, variance);
  }

  Problem problem_;
  Theta theta_;
  bool two_stage_;
  double noise_ = 0;
  StageInformation known_;
  Theta direction_;
  double variance_ = 0;
};

struct Selection {
  std::vector<bool> in;
  double flops = 0;
  double error = 0;
};

// Chooses among candidates, all of them within the budget.
class Chooser {
 public:
  Chooser(const Information& start, const std::vector<CandidateRun>& candidates,
          const NextRunsOptions& options)
      : start_(start), candidates_(candidates), options_(options) {
    for (const CandidateRun& run : candidates) slopes_.push_back(start.slope_at(run));
  }

  Selection best() const {
    Selection none{std::vector<bool>(candidates_.size(), false), 0, start_.error()};
    Selection per_flop = filled(none, true);
    Selection by_gain = filled(none, false);
    return exchanged(by_gain.error < per_flop.error ? by_gain : per_flop);
  }

  // The chosen runs, each time the one that helps most next.
  std::vector<NextRun> ordered(const Selection& chosen) const {
    Information now = start_;
    std::vector<NextRun> out;
    std::vector<bool> left = chosen.in;
    for (auto most = next(now, left, false); most; most = next(now, left, false)) {
      left[*most] = false;
      now.add(slopes_[*most], candidates_[*most].stage);
      out.push_back({candidates_[*most], now.error()});
    }
    return out;
  }

 private:
  // Of the candidates that may still come, the one of largest gain (or gain per FLOP).
  std::optional<std::size_t> next(const Information& now, const std::vector<bool>& may,
                                  bool per_flop) const {
    std::optional<std::size_t> best;
    double best_score = 0;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (!may[i]) continue;
      const double score =
          now.gain(slopes_[i], candidates_[i].stage) / (per_flop ? candidates_[i].flops : 1);
      if (score <= best_score) continue;
      best_score = score;
      best = i;
    }
    return best;
  }

  Information with(const Selection& selection) const {
    Information out = start_;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (selection.in[i]) out.add(slopes_[i], candidates_[i].stage);
    }
    return out;
  }

  Selection filled(Selection selection, bool per_flop) const {
    Information now = with(selection);
    auto count = std::count(selection.in.begin(), selection.in.end(), true);
    std::vector<bool> may(candidates_.size());
    for (; count < options_.most_runs; ++count) {
      for (std::size_t i = 0; i < may.size(); ++i) {
        may[i] =
            !selection.in[i] && selection.flops + candidates_[i].flops <= options_.budget_flops;
      }
      const std::optional<std::size_t> most = next(now, may, per_flop);
      if (!most) break;
      selection.in[*most] = true;
      selection.flops += candidates_[*most].flops;
      now.add(slopes_[*most], candidates_[*most].stage);
    }
    selection.error = now.error();
    return selection;
  }

  Selection exchanged(Selection best) const {
    for (int pass = 0; pass < kMostPasses; ++pass) {
      bool improved = false;
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (!best.in[i]) continue;
        Selection without = best;
        without.in[i] = false;
        without.flops -= candidates_[i].flops;
        for (const bool per_flop : {true, false}) {
          const Selection other = filled(without, per_flop);
          if (other.error >= kWorthSwapping * best.error) continue;
          best = other;
          improved = true;
          break;
        }
      }
      if (!improved) break;
    }
    return best;
  }

  const Information& start_;
  const std::vector<CandidateRun>& candidates_;
  const NextRunsOptions& options_;
  std::vector<Theta> slopes_;
};

std::vector<CandidateRun> affordable(const std::vector<CandidateRun>& candidates, double budget) {
  std::vector<CandidateRun> out;
  double cheapest = std::numeric_limits<double>::infinity();
  for (const CandidateRun& run : candidates) {
    cheapest = std::min(cheapest, run.flops);
    if (run.flops <= budget) out.push_back(run);
  }
  if (!out.empty()) return out;
  throw std::invalid_argument(
      fmt::format("no candidate run fits into {:.3g} FLOPs; the cheapest of {} costs {:.3g}",
                  budget, candidates.size(), cheapest));
}

double error_or_infinite(double error) {
  return error < kHopeless ? error : std::numeric_limits<double>::infinity();
}

}  // namespace

std::vector<std::string> problems(const NextRunsOptions& options) {
  std::vector<std::string> out;
  const bool at_budget = options.target.ends_with("N*") || options.target.ends_with("loss");
  if (at_budget && !(std::isfinite(options.target_flops) && options.target_flops > 0)) {
    out.push_back(
        fmt::format("target_flops = {} must be a finite number above 0", options.target_flops));
  }
  if (!(std::isfinite(options.budget_flops) && options.budget_flops > 0)) {
    out.push_back(
        fmt::format("budget_flops = {} must be a finite number above 0", options.budget_flops));
  }
  if (options.most_runs < 1) {
    out.push_back(fmt::format("most_runs = {} must be at least 1", options.most_runs));
  }
  return out;
}

NextRuns choose_next_runs(const Points& points, const FitResult& fit,
                          const std::vector<CandidateRun>& candidates,
                          const NextRunsOptions& options) {
  const std::vector<std::string> wrong = problems(options);
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  const std::vector<CandidateRun> possible = affordable(candidates, options.budget_flops);
  const Target target = find_target(fit, options);
  const Information start(points, fit, target);
  const Chooser chooser(start, possible, options);
  const Selection chosen = chooser.best();
  NextRuns out;
  out.target = options.target;
  out.relative = target.relative;
  out.noise = start.noise();
  out.value = target.answer(fit.theta);
  if (out.value && out.relative) out.value = std::exp(*out.value);
  out.se_now = error_or_infinite(start.error());
  out.runs = chooser.ordered(chosen);
  const auto enough = std::find_if(out.runs.begin(), out.runs.end(), [&](const NextRun& each) {
    return each.se_after <= kEnough * chosen.error;
  });
  if (enough != out.runs.end()) out.runs.erase(enough + 1, out.runs.end());
  out.se_after = out.runs.empty() ? out.se_now : error_or_infinite(out.runs.back().se_after);
  for (NextRun& each : out.runs) {
    out.spent_flops += each.run.flops;
    each.se_after = error_or_infinite(each.se_after);
  }
  return out;
}

}  // namespace crosslaw::fit
