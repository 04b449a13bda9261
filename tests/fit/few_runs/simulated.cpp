#include "tests/fit/few_runs/simulated.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <random>

#include "fit/allocate/best_split.h"
#include "fit/evidence/prediction.h"
#include "fit/laws/laws.h"
#include "fit/solve/parallel.h"
#include "fit/solve/strategies.h"
#include "tests/fit/planted.h"

namespace few_runs {
namespace {

namespace fit = crosslaw::fit;

// A grid of sizes from 3e7 to 3e9 and tokens a parameter.
fit::Points grid(int sizes, const std::vector<double>& ratios,
                 fit::Stage stage = fit::Stage::kScratch) {
  fit::Points out;
  for (int i = 0; i < sizes; ++i) {
    const double params = 3e7 * std::pow(100, static_cast<double>(i) / (sizes - 1));
    for (const double ratio : ratios) {
      fit::Point point{params, ratio * params, 1};
      point.stage = stage;
      out.push_back(point);
    }
  }
  return out;
}

fit::Points isoflop(int budgets, int sizes) {
  fit::Points out;
  for (int b = 0; b < budgets; ++b) {
    const double flops = 1e18 * std::pow(10, 0.5 * b);
    const double middle = std::sqrt(flops / 120);  // 20 tokens a parameter
    for (int s = 0; s < sizes; ++s) {
      const double params = middle * std::pow(2, s - 0.5 * (sizes - 1));
      out.push_back({params, flops / (6 * params), 1});
    }
  }
  return out;
}

fit::Points both(fit::Points scratch, const fit::Points& continued) {
  scratch.insert(scratch.end(), continued.begin(), continued.end());
  return scratch;
}

fit::Points named_by_size(fit::Points points) {
  std::map<double, int> ids;
  for (fit::Point& each : points) {
    each.cluster = ids.try_emplace(each.params, static_cast<int>(ids.size())).first->second;
  }
  return points;
}

const std::vector<double> kScratch = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                      planted::kBeta};
const std::vector<double> kJoint = {
    planted::kE,    planted::kA,          planted::kAlpha,         planted::kB,
    planted::kBeta, planted::kContinuedB, planted::kContinuedBeta, planted::kGamma};

fit::Theta truth_of(const fit::Law& law) {
  return fit::theta_from_values(law, law.parts.empty() ? kScratch : kJoint);
}

double noise_of(NoiseKind kind, std::mt19937_64& engine) {
  static std::normal_distribution<double> normal;
  normal.reset();
  if (kind == NoiseKind::kNormal) return kNoise * normal(engine);
  if (kind == NoiseKind::kHeavyTails) {
    double squares = 0;
    for (int k = 0; k < 3; ++k) squares += std::pow(normal(engine), 2);
    return kNoise * normal(engine) / std::sqrt(squares);  // Student's t, variance 3
  }
  const bool out = std::uniform_real_distribution<double>()(engine) < 0.05;
  return kNoise * normal(engine) + (out ? 0.03 : 0);
}

struct Question {
  std::string name;
  double truth;
  std::function<fit::Estimate(const fit::FitResult&)> ask;
  bool exponent = false;
};

std::vector<Question> questions_of(const Design& design) {
  const fit::Law& law = fit::law_of_fit(design.law);
  const fit::Theta theta = truth_of(law);
  std::vector<Question> out;
  for (int i = 0; i < law.size(); ++i) {
    const fit::CoefficientInfo& info = law.coefficients[static_cast<std::size_t>(i)];
    out.push_back({std::string(info.name), fit::coefficient_value(info, theta[i]),
                   [i](const fit::FitResult& found) {
                     fit::Estimate answer;
                     answer.ci95 = found.coefficients[static_cast<std::size_t>(i)].ci95;
                     return answer;
                   },
                   info.kind == fit::Kind::kExponent});
  }
  double flops = 0;
  for (const fit::Point& each : design.points) flops = std::max(flops, fit::training_flops(each));
  flops *= 10;
  const fit::LawPart part = fit::parts_of(law).back();
  const fit::Budget budget{flops, {}, {}};
  const std::string strategy(part.strategy);
  const fit::Split best = fit::best_split(*part.law, fit::part_theta(part, theta), budget).value();
  const auto of_split = [=](double fit::Split::*which) {
    return [=](const fit::FitResult& found) {
      return fit::estimate(fit::strategy_fit(found, strategy),
                           [&](const fit::Theta& at) -> std::optional<double> {
                             const auto split = fit::best_split(*part.law, at, budget);
                             return split ? std::optional((*split).*which) : std::nullopt;
                           });
    };
  };
  out.push_back({"N*", best.params, of_split(&fit::Split::params)});
  out.push_back({"loss", best.loss, of_split(&fit::Split::loss)});
  return out;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace

const char* name_of(NoiseKind kind) {
  return kind == NoiseKind::kNormal       ? "normal"
         : kind == NoiseKind::kHeavyTails ? "heavy tails"
                                          : "5 % outliers";
}

std::vector<Design> coverage_designs() {
  const std::vector<double> six = {5, 10, 20, 40, 80, 160};
  const std::vector<double> three = {5, 20, 80};
  const auto continued = [](int sizes, const std::vector<double>& ratios) {
    return grid(sizes, ratios, fit::Stage::kContinued);
  };
  return {{"8 runs", "chinchilla", grid(4, {5, 80})},
          {"9 runs", "chinchilla", grid(3, three)},
          {"12 runs", "chinchilla", grid(4, three)},
          {"16 runs", "chinchilla", grid(4, {3, 10, 30, 100})},
          {"24 runs", "chinchilla", grid(6, {3, 10, 30, 100})},
          {"isoFLOP 5 x 5", "chinchilla", isoflop(5, 5)},
          {"WSD 8 x 6, runs named", "chinchilla", named_by_size(grid(8, six)), kNoise},
          {"WSD 8 x 6, not named", "chinchilla", grid(8, six), kNoise},
          {"two-stage 12 x 3 x 2", "two-stage", both(grid(12, three), continued(12, three))},
          {"two-stage, 6 continued", "two-stage", both(grid(12, three), continued(3, {5, 80}))},
          {"joint 12 x 3 x 2", "joint", both(grid(12, three), continued(12, three))}};
}

fit::Points draw(const Design& design, NoiseKind kind, unsigned sweep) {
  std::mt19937_64 engine(1000003ULL * sweep + 17);
  std::normal_distribution<double> normal;
  const fit::Law& law = fit::law_of_fit(design.law);
  const fit::Theta theta = truth_of(law);
  std::map<double, double> of_run;
  fit::Points out = design.points;
  for (fit::Point& each : out) {
    const auto [run, added] = of_run.try_emplace(each.params, 0);
    if (added && design.run_noise > 0) run->second = design.run_noise * normal(engine);
    each.loss = fit::predicted_loss(law, theta, each.params, each.tokens, each.stage) *
                std::exp(noise_of(kind, engine) + run->second);
  }
  return out;
}

Coverage coverage_of(const Design& design, NoiseKind kind, int sweeps,
                     const fit::FitOptions& options) {
  const std::vector<Question> questions = questions_of(design);
  const fit::Law& law = fit::law_of_fit(design.law);
  // A new run at ten times the compute of the largest: twice its size, five times its tokens.
  const fit::Point* largest = &design.points.front();
  for (const fit::Point& each : design.points) {
    if (fit::training_flops(each) > fit::training_flops(*largest)) largest = &each;
  }
  const fit::NewRun run{largest->params * 2, largest->tokens * 5};
  const fit::Stage stage = fit::parts_of(law).back().stage.value_or(fit::Stage::kScratch);
  const double expected = fit::predicted_loss(law, truth_of(law), run.params, run.tokens, stage);
  std::vector<std::vector<std::optional<fit::Range>>> found(
      static_cast<std::size_t>(sweeps),
      std::vector<std::optional<fit::Range>>(questions.size() + 1));
  fit::parallel_for(sweeps, options.threads, [&](int sweep) {
    fit::FitOptions own = options;
    own.law = design.law;
    own.threads = 1;
    own.seed = static_cast<std::uint64_t>(sweep + 1);
    const fit::Points points = draw(design, kind, static_cast<unsigned>(sweep));
    const fit::FitResult fit = fit::fit_law(points, own);
    auto& mine = found[static_cast<std::size_t>(sweep)];
    for (std::size_t q = 0; q < questions.size(); ++q) mine[q] = questions[q].ask(fit).ci95;
    mine.back() = fit::predict(points, fit, {run}, own.seed).back().run_ci95;
  });
  Coverage out;
  out.sweeps = sweeps;
  for (std::size_t q = 0; q <= questions.size(); ++q) {
    Coverage::Answer answer;
    answer.name = q < questions.size() ? questions[q].name : "new run";
    std::vector<double> widths;
    std::mt19937_64 engine(99);
    std::normal_distribution<double> normal;
    for (const auto& sweep : found) {
      double truth = q < questions.size() ? questions[q].truth : expected;
      if (q == questions.size()) {
        truth *= std::exp(noise_of(kind, engine) + design.run_noise * normal(engine));
      }
      if (!sweep[q]) continue;
      ++answer.intervals;
      answer.held += sweep[q]->low <= truth && truth <= sweep[q]->high ? 1 : 0;
      const bool exponent = q < questions.size() && questions[q].exponent;
      widths.push_back(exponent ? sweep[q]->high - sweep[q]->low
                                : std::log(sweep[q]->high / sweep[q]->low));
    }
    answer.width = median(widths);
    out.answers.push_back(answer);
  }
  for (const auto& sweep : found) out.refused += sweep.front() ? 0 : 1;
  return out;
}

}  // namespace few_runs
