#include "apps/study/replay_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>

#include "apps/study/replay_laws.h"
#include "apps/study/replay_losses.h"
#include "fit/laws/monotone_curve.h"

namespace crosslaw::apps {
namespace {

constexpr double kSure = 0.95;
constexpr int kRatioSteps = 100;  // between no replay and the largest share

// Both losses at one share of replay, in one world.
struct Losses {
  double target = 0, source = 0;
};

// What one size says at one number of tokens, in one world.
struct Moment {
  std::optional<double> start;
  std::vector<double> ratios;
  std::vector<Losses> at;

  // Between the measured shares, in the log of the share. No replay has a place on that axis by a
  // small share added to all, as in the law of arXiv:2406.01375 (D-CPT).
  double axis(double ratio) const {
    const auto positive =
        std::find_if(ratios.begin(), ratios.end(), [](double r) { return r > 0; });
    return std::log(ratio + 0.5 * *positive);
  }
};

Moment moment_of(const SizeLosses& of_size, double log_tokens) {
  Moment out;
  if (!of_size.starts.empty()) {
    double sum = 0;
    for (const double start : of_size.starts) sum += start;
    out.start = std::exp(sum / static_cast<double>(of_size.starts.size()));
  }
  for (const auto& [ratio, losses] : of_size.by_ratio) {
    out.ratios.push_back(ratio);
    out.at.push_back(
        {std::exp(fit::MonotoneCurve(losses.log_tokens, losses.log_target).at(log_tokens)),
         std::exp(fit::MonotoneCurve(losses.source_log_tokens, losses.log_source).at(log_tokens))});
  }
  return out;
}

// Both losses over the share of replay.
class RatioCurves {
 public:
  explicit RatioCurves(const Moment& moment)
      : moment_(moment), target_(curve(&Losses::target)), source_(curve(&Losses::source)) {}

  double target(double ratio) const { return target_.at(moment_.axis(ratio)); }
  double source(double ratio) const { return source_.at(moment_.axis(ratio)); }
  // What lies between measured shares is not known: a curve through few may run below the loss,
  // which mostly bends so that straight lines lie above it.
  double source_at_worst(double ratio) const {
    return std::max(source(ratio), source_.chord(moment_.axis(ratio)));
  }

 private:
  fit::MonotoneCurve curve(double Losses::*which) const {
    std::vector<double> x, y;
    for (std::size_t i = 0; i < moment_.ratios.size(); ++i) {
      x.push_back(moment_.axis(moment_.ratios[i]));
      y.push_back(moment_.at[i].*which);
    }
    return {std::move(x), std::move(y)};
  }

  Moment moment_;
  fit::MonotoneCurve target_, source_;
};

// Shares to be looked at: even on the axis, and the measured ones.
std::vector<double> ratio_grid(const Moment& moment) {
  const double low = moment.axis(moment.ratios.front()), high = moment.axis(moment.ratios.back());
  const double zero = std::exp(moment.axis(0));
  std::vector<double> out = moment.ratios;
  for (int i = 1; i < kRatioSteps; ++i)
    out.push_back(std::exp(low + (high - low) * i / kRatioSteps) - zero);
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<bool> front_of(const std::vector<Losses>& at) {
  std::vector<bool> out;
  for (const Losses& one : at) {
    out.push_back(std::none_of(at.begin(), at.end(), [&](const Losses& other) {
      return other.target <= one.target && other.source <= one.source &&
             (other.target < one.target || other.source < one.source);
    }));
  }
  return out;
}

double best_ratio(const Moment& moment, const std::vector<double>& grid, double weight) {
  const RatioCurves curves(moment);
  double best = grid.front(), least = std::numeric_limits<double>::infinity();
  for (const double ratio : grid) {
    const double sum = (1 - weight) * curves.target(ratio) + weight * curves.source(ratio);
    if (sum < least) least = sum, best = ratio;
  }
  return best;
}

// Both losses over the share of replay, in each world.
std::vector<RatioCurves> curves_of(const std::vector<Moment>& worlds) {
  std::vector<RatioCurves> out;
  for (const Moment& world : worlds) out.emplace_back(world);
  return out;
}

// The least share of the grid from which on the rise stays within the bound in so many worlds.
std::optional<double> least_measured(const std::vector<double>& grid,
                                     const std::vector<Moment>& worlds, double within,
                                     double sure) {
  for (const Moment& world : worlds) {
    if (!world.start) return std::nullopt;
  }
  const std::vector<RatioCurves> curves = curves_of(worlds);
  return least_share(grid, static_cast<int>(worlds.size()), sure, [&](double share, int world) {
    const auto at = static_cast<std::size_t>(world);
    const double loss = sure < 1 ? curves[at].source_at_worst(share) : curves[at].source(share);
    return loss - *worlds[at].start <= within;
  });
}

fit::Estimate over(const Moment& middle, const std::vector<Moment>& worlds, const auto& quantity) {
  std::vector<std::optional<double>> values;
  for (const Moment& world : worlds) values.push_back(quantity(world));
  return fit::summarise(quantity(middle), values);
}

bool lies_inside(const RatioLosses& losses, double log_tokens) {
  const auto [low, high] = std::minmax_element(losses.log_tokens.begin(), losses.log_tokens.end());
  constexpr double kSlack = 0.02;
  return log_tokens >= *low - kSlack && log_tokens <= *high + kSlack;
}

ReplayCell cell_of(const SizeLosses& of_size, double params, double log_tokens,
                   const std::vector<const SizeLosses*>& worlds, const ReplayOptions& options) {
  const Moment middle = moment_of(of_size, log_tokens);
  std::vector<Moment> others;
  for (const SizeLosses* world : worlds) others.push_back(moment_of(*world, log_tokens));
  ReplayCell out;
  out.size = of_size.size;
  out.params = params;
  out.tokens = std::exp(log_tokens);
  out.tokens_per_param = out.tokens / params;
  out.start_loss = middle.start;
  std::vector<double> on_front(middle.ratios.size(), 0);
  for (const Moment& world : others) {
    const std::vector<bool> front = front_of(world.at);
    for (std::size_t i = 0; i < front.size(); ++i)
      on_front[i] += front[i] / static_cast<double>(others.size());
  }
  const std::vector<bool> front = front_of(middle.at);
  for (std::size_t i = 0; i < middle.ratios.size(); ++i) {
    const auto loss = [&](double Losses::*which) {
      return over(middle, others, [=](const Moment& m) { return std::optional(m.at[i].*which); });
    };
    const auto rise = [=](const Moment& m) {
      return m.start ? std::optional(m.at[i].source - *m.start) : std::nullopt;
    };
    out.ratios.push_back({middle.ratios[i], loss(&Losses::target), loss(&Losses::source),
                          over(middle, others, rise),
                          !lies_inside(of_size.by_ratio.at(middle.ratios[i]), log_tokens),
                          static_cast<bool>(front[i]), on_front[i]});
  }
  const std::vector<double> grid = ratio_grid(middle);
  out.measured.middle_ratio = least_measured(grid, {middle}, options.within, 1);
  if (!others.empty())
    out.measured.safe_ratio = least_measured(grid, others, options.within, kSure);
  out.measured.best_ratio = over(middle, others, [&](const Moment& m) {
    return std::optional(best_ratio(m, grid, options.weight));
  });
  return out;
}

// The numbers of tokens at which a size is asked: those at which its runs of least replay end.
std::vector<double> log_budgets(const SizeLosses& of_size) {
  std::vector<double> all = of_size.by_ratio.begin()->second.log_tokens;
  std::sort(all.begin(), all.end());
  std::vector<double> out;
  for (const double each : all) {
    if (out.empty() || each > out.back() + std::log(kSameTokensRatio)) out.push_back(each);
  }
  return out;
}

// Even on the axis of the shares of all sizes, whichever of them a size has.
std::vector<double> shares_of(const std::vector<double>& ratios) {
  Moment all;
  all.ratios = ratios;
  return ratio_grid(all);
}

// The answers of the laws, for what was trained and what was not.
void answer_by_laws(ReplayPlan& plan, const BySize& measured, const ReplayOptions& options) {
  try {
    plan.laws = fit_replay_laws(measured, shares_of(plan.ratios), options.draws / 2);
  } catch (const std::invalid_argument& error) {
    plan.no_laws = error.what();
    return;
  }
  for (const auto& [params, tokens] : options.runs) {
    ReplayCell cell;
    cell.params = params, cell.tokens = tokens, cell.tokens_per_param = tokens / params;
    plan.cells.push_back(cell);
  }
  for (ReplayCell& cell : plan.cells) {
    const bool trained = !cell.ratios.empty();
    if (trained && !cell.start_loss) continue;
    // The start moves both sums alike: the best share does not depend on it.
    cell.law = plan.laws->choose(cell.params, cell.tokens, cell.start_loss.value_or(0),
                                 options.within, options.weight);
  }
}

}  // namespace

std::vector<std::string> problems(const ReplayOptions& options) {
  std::vector<std::string> out;
  if (!std::isfinite(options.within))
    out.push_back(fmt::format("within = {} must be a finite number", options.within));
  if (!(options.weight >= 0 && options.weight <= 1))
    out.push_back(fmt::format("weight = {} must be from 0 to 1", options.weight));
  if (options.draws < 0) out.push_back(fmt::format("draws = {} must be 0 or more", options.draws));
  return out;
}

std::vector<ReplayPlan> replay_plans(const Observations& observations,
                                     const ReplayOptions& options) {
  std::vector<ReplayPlan> out;
  for (const ReplayGroup& group : replay_groups(observations)) {
    const BySize measured = replay_losses(observations, group);
    if (measured.empty()) continue;
    ReplayPlan plan;
    plan.strategy = group.strategy, plan.language = group.language;
    plan.source_language = group.source_language;
    plan.noise = replay_noise(observations, group, measured);
    std::vector<BySize> worlds;
    for (int draw = 0; draw < options.draws && plan.noise.sd > 0; ++draw)
      worlds.push_back(world_of(measured, plan.noise, options.seed, draw));
    std::set<double> ratios;
    for (const auto& [params, of_size] : measured) {
      for (const auto& [ratio, losses] : of_size.by_ratio) ratios.insert(ratio);
      std::vector<const SizeLosses*> of_worlds;
      for (const BySize& world : worlds) of_worlds.push_back(&world.at(params));
      for (const double log_tokens : log_budgets(of_size))
        plan.cells.push_back(cell_of(of_size, params, log_tokens, of_worlds, options));
    }
    plan.ratios.assign(ratios.begin(), ratios.end());
    answer_by_laws(plan, measured, options);
    out.push_back(std::move(plan));
  }
  return out;
}

std::string describe(const ReplayPlan& plan, const ReplayOptions& options) {
  // The largest size that was trained, at the most tokens.
  const auto trained = std::find_if(plan.cells.rbegin(), plan.cells.rend(),
                                    [](const ReplayCell& cell) { return !cell.ratios.empty(); });
  if (trained == plan.cells.rend()) return "";
  const ReplayCell& cell = *trained;
  const auto share = [](double ratio) { return fmt::format("{:.2g} %", 100 * ratio); };
  const auto safe = [&](const ReplayChoice& choice) {
    return choice.safe_ratio ? share(*choice.safe_ratio) : std::string();
  };
  const std::string measured = safe(cell.measured), law = cell.law ? safe(*cell.law) : "";
  std::string out =
      fmt::format("At {} and {:.3g} tokens a parameter ", cell.size, cell.tokens_per_param);
  if (!measured.empty() || !law.empty()) {
    out += fmt::format(
        "{} of {} text keep its loss within {:g} nats of the start with 95 % probability",
        measured.empty() ? law : measured, plan.source_language, options.within);
    if (measured.empty()) out += " by the laws, and no measured share surely";
    if (!measured.empty() && !law.empty()) out += fmt::format(" ({} by the laws)", law);
  } else if (cell.start_loss) {
    out += fmt::format(
        "no measured share of {} text, up to {:g} %, surely keeps its loss within {:g} nats of the "
        "start",
        plan.source_language, 100 * plan.ratios.back(), options.within);
  } else {
    out += "the loss before continuing is not known";
  }
  const fit::Estimate& best = cell.measured.best_ratio;
  if (best.value) {
    out += "; " + share(*best.value);
    if (best.ci95)
      out += fmt::format(" [{:.2g}, {:.2g}]", 100 * best.ci95->low, 100 * best.ci95->high);
    out += fmt::format(" give the least weighted sum ({:g} {}, {:g} {})", 1 - options.weight,
                       plan.language, options.weight, plan.source_language);
  }
  return out + ".";
}

}  // namespace crosslaw::apps
