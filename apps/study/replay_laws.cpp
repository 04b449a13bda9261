#include "apps/study/replay_laws.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "fit/evidence/holdout.h"
#include "fit/solve/fitter.h"

namespace crosslaw::apps {
namespace {

constexpr double kSureDraws = 0.95;
constexpr int kLawStarts = 16;
constexpr std::size_t kSizesToHoldOut = 3;  // with fewer no size can be held out

struct LossPoints {
  fit::Points target, source;
};

// D counts the tokens of both languages; r is the share of the target language among them.
LossPoints loss_points(const BySize& measured) {
  LossPoints out;
  for (const auto& [params, of_size] : measured) {
    double start = 0;
    for (const double each : of_size.starts)
      start += std::exp(each) / static_cast<double>(of_size.starts.size());
    for (const auto& [ratio, losses] : of_size.by_ratio) {
      for (std::size_t i = 0; i < losses.log_target.size(); ++i) {
        fit::Point p{params, std::exp(losses.log_tokens[i]), std::exp(losses.log_target[i])};
        p.target_share = 1 - ratio;
        out.target.push_back(p);
      }
      for (std::size_t i = 0; i < losses.log_source.size() && start > 0; ++i) {
        fit::Point p{params, std::exp(losses.source_log_tokens[i]), std::exp(losses.log_source[i])};
        p.target_share = 1 - ratio;
        p.loss_before = start;
        out.source.push_back(p);
      }
    }
  }
  return out;
}

// The law that errs less on the largest size; with too few sizes the one of fewer coefficients.
std::string law_of_target(const fit::Points& points, std::size_t sizes,
                          const fit::FitOptions& options) {
  const std::vector<std::string> laws = {"effective-data", "d-cpt"};
  if (sizes < kSizesToHoldOut) return laws.front();
  fit::HoldoutOptions holdout;
  holdout.fit = options;
  holdout.laws = laws;
  holdout.resamples = 200;
  try {
    const fit::Holdout found =
        fit::hold_out(points, fit::split_by_rule(points, "largest-params:1.01"), holdout);
    return found.laws[found.best].law;
  } catch (const std::invalid_argument&) {  // too few points for both
    return laws.front();
  }
}

fit::Theta theta_of(const fit::FitResult& fit, const std::optional<int>& draw) {
  return draw ? fit::Theta(fit.draws.row(*draw).transpose()) : fit.theta;
}

}  // namespace

std::optional<double> least_share(const std::vector<double>& shares, int draws, double sure,
                                  const std::function<bool(double share, int draw)>& stays) {
  std::optional<double> out;
  for (std::size_t i = shares.size(); i-- > 0;) {
    int good = 0;
    for (int draw = 0; draw < draws; ++draw) good += stays(shares[i], draw);
    if (good < sure * draws) break;
    out = shares[i];
  }
  return out;
}

// Refits that reached no optimum are missing, in either.
int ReplayLaws::draws() const {
  return static_cast<int>(std::min(target.draws.rows(), source.draws.rows()));
}

double ReplayLaws::target_loss(double params, double tokens, double ratio,
                               std::optional<int> draw) const {
  fit::Point at{params, tokens, 1};
  at.target_share = 1 - ratio;
  return fit::predicted_loss(*target.law, theta_of(target, draw), at);
}

double ReplayLaws::rise(double params, double tokens, double ratio, std::optional<int> draw) const {
  fit::Point at{params, tokens, 1};
  at.target_share = 1 - ratio;
  // The law adds to the loss before, whatever that is; far above all it may take away.
  at.loss_before = 100;
  return fit::predicted_loss(*source.law, theta_of(source, draw), at) - at.loss_before;
}

ReplayChoice ReplayLaws::choose(double params, double tokens, double start, double within,
                                double weight) const {
  const int draws = this->draws();
  ReplayChoice out;
  const auto stays = [&](double share, int draw) {
    return rise(params, tokens, share, draw) <= within;
  };
  const auto stays_by_the_fit = [&](double share, int) {
    return rise(params, tokens, share, std::nullopt) <= within;
  };
  out.middle_ratio = least_share(shares, 1, 1, stays_by_the_fit);
  if (draws > 0) out.safe_ratio = least_share(shares, draws, kSureDraws, stays);
  const auto best = [&](std::optional<int> draw) {
    double least = std::numeric_limits<double>::infinity(), found = shares.front();
    for (const double share : shares) {
      const double sum = (1 - weight) * target_loss(params, tokens, share, draw) +
                         weight * (start + rise(params, tokens, share, draw));
      if (sum < least) least = sum, found = share;
    }
    return found;
  };
  std::vector<std::optional<double>> bests;
  for (int draw = 0; draw < draws; ++draw) bests.emplace_back(best(draw));
  out.best_ratio = fit::summarise(best(std::nullopt), bests);
  return out;
}

ReplayLaws fit_replay_laws(const BySize& measured, std::vector<double> shares, int draws) {
  const LossPoints points = loss_points(measured);
  if (points.source.empty())
    throw std::invalid_argument("the source loss before continuing is not known of any size");
  fit::FitOptions options;
  options.starts = kLawStarts;
  options.draws = 0;
  options.law = law_of_target(points.target, measured.size(), options);
  options.draws = draws;
  ReplayLaws out{fit::fit_law(points.target, options), {}, std::move(shares)};
  options.law = "forgetting";
  options.seed += 1000003;  // other draws than the target's: one stream would tie their noise
  out.source = fit::fit_law(points.source, options);
  return out;
}

}  // namespace crosslaw::apps
