#include "fit/simulation.h"

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

#include "fit/laws/laws.h"
#include "fit/objective.h"
#include "fit/parallel.h"
#include "fit/random.h"
#include "fit/resample.h"
#include "fit/spread.h"
#include "fit/stage_optimum.h"

namespace crosslaw::fit {
namespace {

struct Question {
  std::string name;
  std::function<std::optional<double>(const Theta&)> answer;
  std::optional<double> truth;
};

void ask_optimum(const Law& law, Stage stage, const std::string& who, double flops,
                 std::vector<Question>& out) {
  const Budget budget{flops, {}, {}};
  const auto ask = [&](const char* what, double Split::*which) {
    out.push_back({fmt::format("{}{}({:.3g})", who, what, flops),
                   [&law, stage, budget, which](const Theta& theta) -> std::optional<double> {
                     const std::optional<Split> best = stage_optimum(law, theta, stage, budget);
                     return best ? std::optional((*best).*which) : std::nullopt;
                   },
                   std::nullopt});
  };
  ask("N*", &Split::params);
  ask("D*", &Split::tokens);
  ask("loss", &Split::loss);
}

// The law that a fit of this name has.
const Law& fitted_law(const std::string& name) {
  return name == kTwoStageLaw ? joint_law() : find_law(name);
}

std::vector<Question> questions_of(const Law& fitted, const std::vector<double>& budgets) {
  std::vector<Question> out;
  for (int i = 0; i < fitted.size(); ++i) {
    const CoefficientInfo& info = fitted.coefficients[static_cast<std::size_t>(i)];
    out.push_back({std::string(info.name),
                   [&info, i](const Theta& theta) {
                     return std::optional(coefficient_value(info, theta[i]));
                   },
                   std::nullopt});
  }
  const bool joint = &fitted == &joint_law();
  for (const double flops : budgets) {
    ask_optimum(fitted, Stage::kScratch, joint ? "scratch " : "", flops, out);
    if (joint) ask_optimum(fitted, Stage::kContinued, "continued ", flops, out);
  }
  return out;
}

// A fit of another law than the truth is asked for the truth's own N*, D* and loss, and for the
// coefficients of the same name.
void fill_truths(const Law& law, const Theta& truth, const std::vector<double>& budgets,
                 std::vector<Question>& questions) {
  std::map<std::string, std::optional<double>> known;
  for (const Question& each : questions_of(law, budgets)) known[each.name] = each.answer(truth);
  for (Question& each : questions) {
    const auto found = known.find(each.name);
    if (found != known.end()) each.truth = found->second;
  }
}

Outlook summarise(const Question& question, const std::vector<Estimate>& answers) {
  Outlook out;
  out.name = question.name;
  out.truth = question.truth;
  std::vector<double> values, low, high;
  int covered = 0, resolved = 0;
  for (const Estimate& each : answers) {
    if (each.value && std::isfinite(*each.value)) values.push_back(*each.value);
    if (!each.ci95) continue;
    low.push_back(each.ci95->low);
    high.push_back(each.ci95->high);
    resolved += each.ci95->low > 0 || each.ci95->high < 0 ? 1 : 0;
    if (out.truth) covered += each.ci95->low <= *out.truth && *out.truth <= each.ci95->high ? 1 : 0;
  }
  out.estimates = static_cast<int>(values.size());
  out.intervals = static_cast<int>(low.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) squares += std::pow(value - mean, 2);
  if (values.size() > 1) {
    out.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  }
  if (out.truth) out.bias = mean - *out.truth;
  if (low.empty()) return out;
  std::sort(low.begin(), low.end());
  std::sort(high.begin(), high.end());
  out.median_low = quantile(low, 0.5);
  out.median_high = quantile(high, 0.5);
  out.coverage = static_cast<double>(covered) / static_cast<double>(low.size());
  out.sign_share = static_cast<double>(resolved) / static_cast<double>(answers.size());
  return out;
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
  const Problem problem = make_problem(*fit.law, points, fit.huber_delta);
  const Theta theta = problem.centred(fit.theta);
  const Eigen::VectorXd r = residuals(problem, theta);
  const NoiseModel all = fit_noise(problem, theta);
  LossNoise out{all.scale * (all.laplace ? std::numbers::sqrt2 : 1.0), 0, all.laplace};
  std::map<int, std::vector<double>> runs;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    const int cluster = points[static_cast<std::size_t>(i)].cluster;
    if (cluster >= 0) runs[cluster].push_back(r[i]);
  }
  double count = 0, squares_of_sizes = 0, between = 0, within = 0, total = 0;
  for (const auto& [id, values] : runs) {
    for (const double value : values) total += value;
    count += static_cast<double>(values.size());
    squares_of_sizes += std::pow(static_cast<double>(values.size()), 2);
  }
  const auto groups = static_cast<double>(runs.size());
  if (groups < 3 || count < 1.5 * groups) return out;
  for (const auto& [id, values] : runs) {
    const auto size = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / size;
    between += size * std::pow(mean - total / count, 2) / (groups - 1);
    for (const double value : values) within += std::pow(value - mean, 2) / (count - groups);
  }
  const double per_run = (count - squares_of_sizes / count) / (groups - 1);
  out.run = std::sqrt(std::max(0.0, (between - within) / per_run));
  out.point = std::sqrt(within);
  return out;
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
    if (point.cluster >= 0) {
      const auto [run, added] = of_run.try_emplace(point.cluster, 0);
      if (added) run->second = noise.run * random.normal();
      shift += run->second;
    } else {
      shift += noise.run * random.normal();
    }
    point.loss =
        predicted_loss(law, truth, point.params, point.tokens, point.stage, point.unique_tokens) *
        std::exp(shift);
  }
  return out;
}

Simulation simulate(const Points& design, const Law& law, const Theta& truth,
                    const SimulationOptions& options, const std::function<void(int)>& finished) {
  const std::vector<std::string> wrong = problems(options);
  if (!wrong.empty()) throw std::invalid_argument(fmt::format("{}", fmt::join(wrong, "; ")));
  std::vector<Question> questions = questions_of(fitted_law(options.fit.law), options.flops);
  fill_truths(law, truth, options.flops, questions);
  const auto sweeps = static_cast<std::size_t>(options.sweeps);
  std::vector<std::vector<Estimate>> answers(questions.size(), std::vector<Estimate>(sweeps));
  std::atomic<int> unidentified{0}, failed{0}, done{0};
  std::mutex reporting;
  parallel_for(options.sweeps, options.threads, [&](int sweep) {
    FitOptions settings = options.fit;
    settings.threads = 1;
    settings.seed = options.fit.seed + static_cast<std::uint64_t>(sweep);
    const FitResult fit =
        fit_law(draw_losses(design, law, truth, options.noise, options.seed, sweep), settings);
    unidentified += fit.identifiable ? 0 : 1;
    failed += fit.converged ? 0 : 1;
    for (std::size_t q = 0; q < questions.size(); ++q) {
      answers[q][static_cast<std::size_t>(sweep)] = estimate(fit, questions[q].answer);
    }
    const int now = ++done;
    const std::lock_guard lock(reporting);
    if (finished) finished(now);
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
