#include "fit/allocate/equal_loss.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>
#include <map>
#include <utility>

#include "fit/allocate/transfer.h"
#include "fit/data/run_key.h"
#include "fit/laws/monotone_curve.h"
#include "fit/laws/power_law.h"
#include "fit/solve/random.h"

namespace crosslaw::fit {
namespace {

constexpr double kFewestSeedFreedom = 5;

// log tokens and log losses of one size from scratch, by tokens; seeds averaged.
struct ScratchRuns {
  std::vector<double> log_tokens;
  std::vector<std::vector<std::size_t>> at;  // points behind each
};

std::map<double, ScratchRuns> scratch_runs(const Points& points) {
  std::map<double, std::map<double, std::vector<std::size_t>>> by_size;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].stage == Stage::kScratch)
      by_size[points[i].params][points[i].tokens].push_back(i);
  }
  std::map<double, ScratchRuns> out;
  for (const auto& [params, by_tokens] : by_size) {
    for (const auto& [tokens, at] : by_tokens) {
      out[params].log_tokens.push_back(std::log(tokens));
      out[params].at.push_back(at);
    }
  }
  return out;
}

MonotoneCurve curve_of(const ScratchRuns& runs, const std::vector<double>& log_loss) {
  std::vector<double> y;
  for (const std::vector<std::size_t>& same : runs.at) {
    double sum = 0;
    for (const std::size_t i : same) sum += log_loss[i];
    y.push_back(sum / static_cast<double>(same.size()));
  }
  return {runs.log_tokens, falling(y)};
}

// Of one world, whose log losses stand in the order of all points.
EqualTokens equal_tokens(const Points& points, const std::map<double, ScratchRuns>& runs,
                         const std::vector<double>& log_loss) {
  std::map<double, MonotoneCurve> curves;
  for (const auto& [params, of_size] : runs) curves.emplace(params, curve_of(of_size, log_loss));
  EqualTokens out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].stage != Stage::kContinued) continue;
    const auto curve = curves.find(points[i].params);
    const std::optional<double> at =
        curve == curves.end() ? std::nullopt : curve->second.reaches(log_loss[i]);
    out.push_back(at ? std::optional(std::exp(*at)) : std::nullopt);
  }
  return out;
}

// Losses that runs of other seeds repeat, pooled. Runs on other text are no seeds of one another.
LossScatter noise_of_seeds(const Points& points) {
  std::map<RunKey, std::vector<double>> same;
  for (const Point& p : points) same[run_key(p)].push_back(std::log(p.loss));
  double squares = 0, freedom = 0;
  for (const auto& [place, values] : same) {
    double mean = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) squares += (v - mean) * (v - mean);
    freedom += static_cast<double>(values.size()) - 1;
  }
  if (freedom < kFewestSeedFreedom) return {};
  return {std::sqrt(squares / freedom), freedom,
          fmt::format("seeds, {} degrees of freedom", freedom)};
}

std::optional<double> share_of(const EqualLoss& at, const EqualTokens& tokens, std::size_t point) {
  if (!tokens[point]) return std::nullopt;
  return 1 - at.continued[point].tokens / *tokens[point];
}

std::optional<double> transferred_of(const EqualLoss& at, const EqualTokens& tokens,
                                     std::size_t point) {
  if (!tokens[point]) return std::nullopt;
  return *tokens[point] - at.continued[point].tokens;
}

struct Growth {
  PowerPlane law;  // of D and N
  std::size_t points = 0;
};

std::optional<Growth> growth_of(const EqualLoss& at, const EqualTokens& tokens) {
  std::vector<double> log_tokens, log_params, log_moved;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::optional<double> moved = transferred_of(at, tokens, i);
    if (!moved || !(*moved > 0) || !std::isfinite(*moved)) continue;
    log_tokens.push_back(std::log(at.continued[i].tokens));
    log_params.push_back(std::log(at.continued[i].params));
    log_moved.push_back(std::log(*moved));
  }
  const std::optional<PowerPlane> law = power_plane_through(log_tokens, log_params, log_moved);
  if (!law) return std::nullopt;
  return Growth{*law, log_moved.size()};
}

}  // namespace

LossScatter loss_noise(const Points& points, const FitResult* fit) {
  LossScatter seeds = noise_of_seeds(points);
  if (seeds.sd > 0 || !fit) return seeds;
  double squares = 0, count = 0;
  for (const Point& p : points) {
    const double predicted = predicted_loss(*fit->law, fit->theta, p.params, p.tokens, p.stage);
    squares += std::pow(std::log(p.loss / predicted), 2);
    ++count;
  }
  const double freedom = count - fit->law->size();
  if (freedom < 1) return {};
  return {std::sqrt(squares / freedom), freedom, "the residuals of the fit"};
}

SurfaceScatter surface_scatter(const Points& points) {
  Eigen::MatrixXd a(static_cast<Eigen::Index>(points.size()), 6);
  Eigen::VectorXd b(static_cast<Eigen::Index>(points.size()));
  double n0 = 0, d0 = 0;
  for (const Point& p : points) {
    n0 += std::log(p.params) / static_cast<double>(points.size());
    d0 += std::log(p.tokens) / static_cast<double>(points.size());
  }
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double n = std::log(points[i].params) - n0, d = std::log(points[i].tokens) - d0;
    a.row(static_cast<Eigen::Index>(i)) << 1, n, d, n * n, n * d, d * d;
    b(static_cast<Eigen::Index>(i)) = std::log(points[i].loss);
  }
  if (points.size() < 4) return {};
  // A design of one budget, or of two sizes, has fewer directions than there are columns.
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> solver(a);
  solver.setThreshold(1e-8);
  const double freedom = static_cast<double>(points.size()) - static_cast<double>(solver.rank());
  if (freedom < 1) return {};
  return {(a * solver.solve(b) - b).squaredNorm(), freedom};
}

EqualLoss measured_equal_loss(const Points& points, const LossScatter& noise, int draws,
                              std::uint64_t seed) {
  EqualLoss out;
  out.continued = select_stage(points, Stage::kContinued);
  const std::map<double, ScratchRuns> runs = scratch_runs(points);
  std::vector<double> log_loss;
  for (const Point& p : points) log_loss.push_back(std::log(p.loss));
  out.tokens = equal_tokens(points, runs, log_loss);
  for (std::size_t i = 0; i < out.continued.size(); ++i) {
    const auto found = runs.find(out.continued[i].params);
    const bool inside = found != runs.end() && out.tokens[i] &&
                        std::log(*out.tokens[i]) >= found->second.log_tokens.front() - 1e-9 &&
                        std::log(*out.tokens[i]) <= found->second.log_tokens.back() + 1e-9;
    out.extrapolated.push_back(!inside);
  }
  if (!(noise.sd > 0)) return out;
  for (int draw = 0; draw < draws; ++draw) {
    Random random(seed, static_cast<std::uint64_t>(draw));
    // The size of the noise is an estimate as well.
    const double sd = noise.sd / std::sqrt(random.chi_square_share(noise.freedom));
    std::vector<double> world = log_loss;
    for (double& each : world) each += sd * random.normal();
    out.draws.push_back(equal_tokens(points, runs, world));
  }
  return out;
}

EqualLoss law_equal_loss(const Points& points, const FitResult& both) {
  EqualLoss out;
  out.continued = select_stage(points, Stage::kContinued);
  const auto of = [&](const Theta& theta) {
    EqualTokens tokens;
    for (const Point& p : out.continued)
      tokens.push_back(equal_tokens_at(both, theta, p.params, p.tokens));
    return tokens;
  };
  out.tokens = of(both.theta);
  out.extrapolated.assign(out.continued.size(), false);
  for (Eigen::Index row = 0; row < both.draws.rows(); ++row)
    out.draws.push_back(of(both.draws.row(row).transpose()));
  return out;
}

Estimate saved_share(const EqualLoss& at, std::size_t point) {
  return at.estimate([&](const EqualTokens& tokens) { return share_of(at, tokens, point); });
}

Estimate transferred_tokens(const EqualLoss& at, std::size_t point) {
  return at.estimate([&](const EqualTokens& tokens) { return transferred_of(at, tokens, point); });
}

Estimate repaid_share(const EqualLoss& at, std::size_t point, double source_tokens) {
  return at.estimate([&](const EqualTokens& tokens) -> std::optional<double> {
    const std::optional<double> moved = transferred_of(at, tokens, point);
    return moved ? std::optional(*moved / source_tokens) : std::nullopt;
  });
}

Estimate mean_share(const EqualLoss& at, const std::vector<std::size_t>& points) {
  return at.estimate([&](const EqualTokens& tokens) -> std::optional<double> {
    double sum = 0;
    for (const std::size_t point : points) {
      const std::optional<double> share = share_of(at, tokens, point);
      if (!share) return std::nullopt;
      sum += *share / static_cast<double>(points.size());
    }
    return points.empty() ? std::nullopt : std::optional(sum);
  });
}

std::optional<TransferGrowth> transfer_growth(const EqualLoss& at) {
  const std::optional<Growth> found = growth_of(at, at.tokens);
  if (!found) return std::nullopt;
  TransferGrowth out;
  out.points = found->points;
  const auto part = [&](const auto& quantity) {
    return at.estimate([&](const EqualTokens& tokens) -> std::optional<double> {
      const std::optional<Growth> growth = growth_of(at, tokens);
      return growth ? std::optional(quantity(growth->law)) : std::nullopt;
    });
  };
  out.constant = part([](const PowerPlane& law) { return std::exp(law.log_constant); });
  out.tokens_exponent = part([](const PowerPlane& law) { return law.first_exponent; });
  out.params_exponent = part([](const PowerPlane& law) { return law.second_exponent; });
  return out;
}

Estimate measured_crossing(const EqualLoss& at, double params) {
  std::map<double, std::vector<std::size_t>> by_tokens;
  for (std::size_t i = 0; i < at.continued.size(); ++i) {
    if (at.continued[i].params == params) by_tokens[at.continued[i].tokens].push_back(i);
  }
  return at.estimate([&](const EqualTokens& tokens) -> std::optional<double> {
    std::optional<std::pair<double, double>> last;  // log tokens, share saved
    for (const auto& [d, same] : by_tokens) {
      double sum = 0;
      for (const std::size_t i : same) {
        const std::optional<double> share = share_of(at, tokens, i);
        if (!share) return std::nullopt;
        sum += *share / static_cast<double>(same.size());
      }
      const std::pair<double, double> now{std::log(d), sum};
      if (last && last->second > 0 && now.second <= 0) {
        const double part = last->second / (last->second - now.second);
        return std::exp(last->first + part * (now.first - last->first));
      }
      last = now;
    }
    return std::nullopt;
  });
}

}  // namespace crosslaw::fit
