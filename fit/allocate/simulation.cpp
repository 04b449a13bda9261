#include "fit/allocate/simulation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "fit/laws/law_columns.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/objective.h"
#include "fit/solve/parallel.h"
#include "fit/solve/random.h"
#include "fit/solve/resample.h"
#include "fit/solve/spread.h"

namespace crosslaw::fit {
namespace {

struct Question {
  Target target;
  std::optional<double> flops;
  std::optional<double> truth;
  std::function<std::optional<double>(const Theta&)> answer;  // of the fitted theta
};

// A law with its coefficients.
struct TrueLaw {
  const Law* law;
  Theta theta;  // plain
};

// What a fit of this law can find of the truth in this design: of several strategies the one that
// the design is of, where the fitted law has only one.
TrueLaw truth_for(const Law& fitted, const Points& design, const Law& law, const Theta& truth) {
  const bool one_stage = std::all_of(design.begin(), design.end(), [&](const Point& each) {
    return each.stage == design.front().stage;
  });
  if (!fitted.parts.empty() || design.empty() || !one_stage) return {&law, truth};
  const LawPart part = part_at(law, design.front().stage);
  return {part.law, part_theta(part, truth)};
}

// What the truth answers; nothing where it does not know the question.
std::optional<double> true_value(const Target& target, const TrueLaw& truth, const Law& fitted,
                                 const Budget& budget) {
  if (!target.of_budget()) {
    return truth.law->has(target.coefficient) ? value_of(target, *truth.law, truth.theta, budget)
                                              : std::nullopt;
  }
  const bool ambiguous = fitted.parts.empty() && !truth.law->parts.empty();
  if (ambiguous) return std::nullopt;
  Target asked = target;
  if (truth.law->parts.empty()) asked.strategy = "";
  return value_of(asked, *truth.law, truth.theta, budget);
}

std::vector<Question> questions_of(const Law& fitted, const TrueLaw& truth,
                                   const SimulationOptions& options) {
  using Quantity = Target::Quantity;
  std::vector<Question> out;
  const auto ask = [&](const Target& target, double flops) {
    const Budget budget{flops, options.compute, {}};
    out.push_back({target, std::nullopt, true_value(target, truth, fitted, budget),
                   [&fitted, target, budget](const Theta& theta) {
                     return value_of(target, fitted, theta, budget);
                   }});
    if (target.of_budget()) out.back().flops = flops;
  };
  for (const CoefficientInfo& info : fitted.coefficients) {
    ask({Quantity::kCoefficient, "", std::string(info.name)}, 0);
  }
  for (const double flops : options.flops) {
    for (const LawPart& part : parts_of(fitted)) {
      for (const Quantity each : {Quantity::kParams, Quantity::kTokens, Quantity::kLoss}) {
        ask({each, std::string(part.strategy), ""}, flops);
      }
    }
  }
  return out;
}

// A fit's answer; without an interval where the fit says that it cannot tell, for allocations of
// such fits are refused as well.
Estimate answer_of(const FitResult& fit, const Question& question) {
  Estimate out = estimate(fit, question.answer);
  const bool told = question.target.of_budget()
                        ? fit.identifiable
                        : fit.coefficient(question.target.coefficient).identifiable;
  if (!told) out.ci95.reset();
  return out;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return quantile(values, 0.5);
}

void describe_values(const std::vector<double>& values, Outlook& out) {
  out.estimates = static_cast<int>(values.size());
  if (values.empty()) return;
  const auto count = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += std::pow(value - mean, 2);
  if (out.truth) out.bias = mean - *out.truth;
  if (values.size() > 1 && std::isfinite(squares)) {
    out.deviation = std::sqrt(squares / (count - 1));
  }
}

Outlook summarise(const Question& question, const std::vector<Estimate>& answers) {
  Outlook out;
  out.target = question.target;
  out.name = name_of(question.target);
  out.flops = question.flops;
  out.truth = question.truth;
  std::vector<double> values, low, high;
  double covered = 0, resolved = 0;
  for (const Estimate& each : answers) {
    if (each.value && std::isfinite(*each.value)) values.push_back(*each.value);
    if (!each.ci95) continue;
    low.push_back(each.ci95->low);
    high.push_back(each.ci95->high);
    if (each.ci95->low > 0 || each.ci95->high < 0) ++resolved;
    if (out.truth && each.ci95->low <= *out.truth && *out.truth <= each.ci95->high) ++covered;
  }
  describe_values(values, out);
  out.intervals = static_cast<int>(low.size());
  if (low.empty()) return out;
  if (out.truth) out.coverage = covered / static_cast<double>(low.size());
  out.sign_share = resolved / static_cast<double>(answers.size());
  // Medians: a few sweeps with endless intervals must not decide what to expect.
  out.expected = Range{median(low), median(high)};
  return out;
}

struct NoiseParts {
  double point;
  double run;
};

// One-way analysis of variance of residuals by run, runs of unequal size; the residuals of points
// that are runs of their own say nothing. Empty when too few runs have several points.
std::optional<NoiseParts> analyse_variance(const Points& points, const Eigen::VectorXd& r) {
  std::map<int, std::vector<double>> runs;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const int cluster = points[static_cast<std::size_t>(i)].cluster;
    if (cluster >= 0) runs[cluster].push_back(r[i]);
  }
  // Points of one run share the run's shift: how much more run means scatter than points within
  // runs do tells its size (Searle, Casella and McCulloch 1992, chapter 3).
  double count = 0, squares_of_sizes = 0, between = 0, within = 0, total = 0;
  for (const auto& [id, values] : runs) {
    for (const double value : values) total += value;
    count += static_cast<double>(values.size());
    squares_of_sizes += std::pow(static_cast<double>(values.size()), 2);
  }
  const auto groups = static_cast<double>(runs.size());
  // With fewer runs, or hardly any that repeats, the two variances are not told apart.
  if (groups < 3 || count < 1.5 * groups) return std::nullopt;
  for (const auto& [id, values] : runs) {
    const auto size = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / size;
    between += size * std::pow(mean - total / count, 2) / (groups - 1);
    for (const double value : values) within += std::pow(value - mean, 2) / (count - groups);
  }
  // Runs of unequal size: the mean size that makes the between-run mean square unbiased.
  const double per_run = (count - squares_of_sizes / count) / (groups - 1);
  return NoiseParts{std::sqrt(within), std::sqrt(std::max(0.0, (between - within) / per_run))};
}

}  // namespace

std::vector<std::string> problems(const SimulationOptions& options) {
  std::vector<std::string> out = problems(options.fit);
  const auto noise = [&](const char* field, double value) {
    if (value >= 0 && value < 1) return;
    out.push_back(
        fmt::format("noise.{} = {} must be 0 to below 1 (0.005: half a percent)", field, value));
  };
  noise("point", options.noise.point);
  noise("run", options.noise.run);
  if (options.sweeps < 1 || options.sweeps > 1000000) {
    out.push_back(fmt::format("sweeps = {} must be 1 to 1000000", options.sweeps));
  }
  for (const double flops : options.flops) {
    if (std::isfinite(flops) && flops > 0) continue;
    out.push_back(fmt::format("flops = {} must be a finite number above 0", flops));
  }
  return out;
}

LossNoise noise_around(const Points& points, const FitResult& fit) {
  const Objective objective = make_objective(*fit.law, points, fit.huber_delta);
  const Theta theta = objective.centred(fit.theta);
  const NoiseModel all = fit_noise(objective, theta);
  const double deviation = all.point_sd;
  const NoiseParts parts =
      analyse_variance(points, residuals(objective, theta)).value_or(NoiseParts{deviation, 0});
  return {parts.point, parts.run, all.laplace};
}

Points draw_losses(const Points& design, const Law& law, const Theta& truth, const LossNoise& noise,
                   std::uint64_t seed, int sweep) {
  Random random(seed, static_cast<std::uint64_t>(sweep));
  std::map<int, double> of_run;
  Points out = design;
  for (Point& point : out) {
    const double standard =
        noise.laplace ? random.laplace() * std::numbers::sqrt2 / 2 : random.normal();
    double shift = noise.point * standard;
    // The points of a run share one shift, which is drawn when the first of them comes.
    if (point.cluster >= 0) {
      const auto [run, added] = of_run.try_emplace(point.cluster, 0);
      if (added) run->second = noise.run * random.normal();
      shift += run->second;
    } else {
      shift += noise.run * random.normal();
    }
    point.loss = predicted_loss(law, truth, point) * std::exp(shift);
  }
  return out;
}

Simulation simulate(const Points& design, const Law& law, const Theta& truth,
                    const SimulationOptions& options, const std::function<void(int)>& finished) {
  const std::vector<std::string> wrong = problems(options);
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  if (const std::string why = why_unreadable(law, design); !why.empty()) {
    throw std::invalid_argument(why);
  }
  const Law& fitted = law_of_fit(options.fit.law);
  const std::vector<Question> questions =
      questions_of(fitted, truth_for(fitted, design, law, truth), options);
  const auto sweeps = static_cast<std::size_t>(options.sweeps);
  std::vector<std::vector<Estimate>> answers(questions.size(), std::vector<Estimate>(sweeps));
  std::atomic<int> unidentified{0}, failed{0};
  int done = 0;
  std::mutex reporting;
  parallel_for(options.sweeps, options.threads, [&](int sweep) {
    FitOptions settings = options.fit;
    settings.threads = 1;  // the sweeps run side by side
    // Starts and resamples differ from sweep to sweep, else one unlucky set would be in all of
    // them.
    settings.seed = options.fit.seed + static_cast<std::uint64_t>(sweep);
    const FitResult fit =
        fit_law(draw_losses(design, law, truth, options.noise, options.seed, sweep), settings);
    unidentified += fit.identifiable ? 0 : 1;
    failed += fit.converged ? 0 : 1;
    for (std::size_t q = 0; q < questions.size(); ++q) {
      answers[q][static_cast<std::size_t>(sweep)] = answer_of(fit, questions[q]);
    }
    const std::lock_guard lock(reporting);
    ++done;
    if (finished) finished(done);
  });
  Simulation out;
  out.sweeps = options.sweeps;
  out.unidentified = unidentified;
  out.failed = failed;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    out.outlooks.push_back(summarise(questions[q], answers[q]));
  }
  return out;
}

}  // namespace crosslaw::fit
