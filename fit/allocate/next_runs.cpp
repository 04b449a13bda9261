#include "fit/allocate/next_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "fit/allocate/target.h"
#include "fit/laws/law_columns.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/noise_factors.h"
#include "fit/solve/objective.h"
#include "fit/solve/strategies.h"

namespace crosslaw::fit {
namespace {

constexpr double kRidge = 1e-10;  // of the largest information: keeps singular designs finite
constexpr double kHopeless = 20;  // a standard error beyond e^20 is no knowledge at all
constexpr double kWorthSwapping = 0.999;  // an exchange must lower the variance by more than this
constexpr int kMostPasses = 5;
constexpr double kEnough = 1.01;  // of the least error: what the list may end with

// The target in the coordinate in which it is sharpened: exponents as they are, all else in logs.
struct Sharpened {
  std::function<std::optional<double>(const Theta&)> value;  // of plain theta
  bool relative;
};

Sharpened answer_to(const Target& target, const FitResult& fit, double flops) {
  const Law& law = *fit.law;
  if (!target.of_budget()) {
    const int i = law.index(target.coefficient);
    const bool exponent = law.coefficients[static_cast<std::size_t>(i)].kind == Kind::kExponent;
    return {[i](const Theta& theta) { return std::optional(theta[i]); }, !exponent};
  }
  const Budget budget{flops, fit.compute_model(), {}};
  const auto value = [&law, target, budget](const Theta& theta) -> std::optional<double> {
    const std::optional<double> found = value_of(target, law, theta, budget);
    return found ? std::optional(std::log(*found)) : std::nullopt;
  };
  return {value, true};
}

// One minimisation behind a fit: the points it sees, and the coordinates of the whole law that it
// fits while those fitted before it stay.
struct FittedStage {
  LawPart part;
  std::vector<int> own;
};

std::vector<FittedStage> stages_of(const FitResult& fit) {
  std::vector<FittedStage> out;
  std::vector<bool> fitted(fit.law->coefficients.size(), false);
  for (const LawPart& part : fitting_order(fit)) {
    out.push_back({part, {}});
    for (const int i : part.coefficients) {
      if (!fitted[static_cast<std::size_t>(i)]) out.back().own.push_back(i);
      fitted[static_cast<std::size_t>(i)] = true;
    }
  }
  return out;
}

// J^T W J of each stage, in the coordinates of the whole law.
using StageInformation = std::vector<Square>;

// Var(c^T theta) where each stage's own coordinates scatter with its own points and with what the
// stages before it got wrong: from the last stage back, c on its own coordinates is passed on to
// those it builds on, d own / d earlier = -I(own, own)^-1 I(own, earlier).
double variance_by_stages(const std::vector<FittedStage>& stages, const StageInformation& known,
                          Theta c) {
  double out = 0;
  for (std::size_t s = stages.size(); s-- > 0;) {
    const std::vector<int>& own = stages[s].own;
    const Eigen::MatrixXd inner = known[s](own, own);
    const Eigen::VectorXd mine = c(own);
    const Eigen::VectorXd solved = inner.ldlt().solve(mine);
    out += mine.dot(solved);
    c -= known[s](Eigen::all, own) * solved;
  }
  return out;
}

// The information of the runs so far about a target, and what one more would add.
class Information {
 public:
  Information(const Points& points, const FitResult& fit, const Sharpened& target)
      : objective_(make_objective(*fit.law, points, fit.huber_delta)),
        theta_(objective_.centred(fit.theta)),
        stages_(stages_of(fit)) {
    // Everything below is in centred coordinates, where the information is far from singular.
    noise_ = expected_error(fit_noise(objective_, theta_), fit.huber_delta);
    const Eigen::MatrixXd rows = jacobian(objective_, theta_);
    known_.assign(stages_.size(), Square::Zero(theta_.size(), theta_.size()));
    Square all = known_.front();
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
      const Point& point = points[static_cast<std::size_t>(i)];
      const Theta slope = rows.row(i).transpose();
      known_[stage_of(point.stage)] += point.weight * slope * slope.transpose();
      all += point.weight * slope * slope.transpose();
    }
    // A design that leaves a coordinate open gets a huge but finite variance, so that runs which
    // close it can still be compared.
    for (Square& each : known_) each.diagonal().array() += kRidge * all.diagonal().maxCoeff();
    direction_ = slope_of(target);
    variance_ = variance_of(known_);
  }

  double noise() const { return noise_; }
  double error() const { return noise_ * std::sqrt(variance_); }

  Theta slope_at(const CandidateRun& run) const {
    Theta g(theta_.size());
    const Sample at{std::log(run.params) - objective_.mean_log_params,
                    std::log(run.tokens) - objective_.mean_log_tokens, 0, 1, run.stage};
    objective_.law->log_loss(theta_.data(), at, g.data());
    return g;
  }

  // Fall of the variance by a run with this slope.
  double gain(const Theta& slope, Stage stage) const {
    StageInformation more = known_;
    more[stage_of(stage)] += slope * slope.transpose();
    return variance_ - variance_of(more);
  }

  void add(const Theta& slope, Stage stage) {
    known_[stage_of(stage)] += slope * slope.transpose();
    variance_ = variance_of(known_);
  }

 private:
  // The stage that sees points of this kind.
  std::size_t stage_of(Stage stage) const {
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      if (describes(stages_[s].part, stage)) return s;
    }
    throw std::invalid_argument("the law of the fit does not describe every run");
  }

  Theta slope_of(const Sharpened& target) const {
    constexpr double kDifference = 1e-4;  // well above the tolerance of a searched optimum
    Theta out(theta_.size());
    for (int i = 0; i < theta_.size(); ++i) {
      Theta up = theta_, down = theta_;
      up[i] += kDifference;
      down[i] -= kDifference;
      const std::optional<double> high = target.value(objective_.plain(up));
      const std::optional<double> low = target.value(objective_.plain(down));
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
    return std::max(0.0, variance_by_stages(stages_, known, direction_));
  }

  Objective objective_;
  Theta theta_;
  std::vector<FittedStage> stages_;
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
    // Greedy by gain per FLOP may fill up on small runs, greedy by gain on one large one: the
    // better of both is where exchanges start.
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
      // Strictly better, so that of equal candidates the first in the caller's order is taken.
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
  // The cheapest is kept for the message: the user's next question is how much would do.
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
  if (const std::string why = why_more_than_size_and_tokens(*fit.law); !why.empty()) {
    throw std::invalid_argument(why);
  }
  const Target asked = find_target(*fit.law, options.target);
  if (asked.of_budget() && !(std::isfinite(options.target_flops) && options.target_flops > 0)) {
    throw std::invalid_argument(
        fmt::format("target_flops = {} must be a finite number above 0", options.target_flops));
  }
  const Sharpened target = answer_to(asked, fit, options.target_flops);
  const Information start(points, fit, target);
  const Chooser chooser(start, possible, options);
  const Selection chosen = chooser.best();
  NextRuns out;
  out.target = options.target;
  out.relative = target.relative;
  out.noise = start.noise();
  out.value = target.value(fit.theta);
  if (out.value && out.relative) out.value = std::exp(*out.value);
  out.se_now = error_or_infinite(start.error());
  out.runs = chooser.ordered(chosen);
  // In the order of their use the last runs often bring next to nothing: they fill the budget only
  // because it is there.
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
