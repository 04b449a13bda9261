#include "tests/fit/few_runs/verdicts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "fit/allocate/best_split.h"
#include "fit/laws/laws.h"
#include "fit/solve/parallel.h"
#include "fit/solve/verdict.h"
#include "tests/fit/planted.h"

namespace few_runs {
namespace {

namespace fit = crosslaw::fit;

const std::vector<double> kTruth = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                    planted::kBeta};
// As a law without a floor looks in the range of these sizes.
const std::vector<double> kNoFloor = {1e-9, 12, 0.09, 24, 0.12};

std::vector<double> spaced(int count, double low, double high) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) {
    out.push_back(low * std::pow(high / low, count > 1 ? i / (count - 1.0) : 0));
  }
  return out;
}

// Every size at every number of tokens a parameter.
fit::Points ratios(const std::vector<double>& sizes, const std::vector<double>& per_param) {
  fit::Points out;
  for (const double params : sizes) {
    for (const double ratio : per_param) out.push_back({params, ratio * params, 1});
  }
  return out;
}

// Every size at every number of tokens.
fit::Points tokens(const std::vector<double>& sizes, const std::vector<double>& counts) {
  fit::Points out;
  for (const double params : sizes) {
    for (const double count : counts) out.push_back({params, count, 1});
  }
  return out;
}

fit::Points budgets(const std::vector<double>& flops, int sizes) {
  fit::Points out;
  for (const double budget : flops) {
    const double middle = std::sqrt(budget / 120);
    for (int s = 0; s < sizes; ++s) {
      const double params = middle * std::pow(2, s - 0.5 * (sizes - 1));
      out.push_back({params, budget / (6 * params), 1});
    }
  }
  return out;
}

// D/N around 20 within 6 %, over many sizes.
fit::Points nearly_ray() {
  fit::Points out = ratios(spaced(20, 3e7, 3e9), {20});
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].tokens *= 1 + 0.06 * std::sin(2.4 * static_cast<double>(i));
  }
  return out;
}

struct Answer {
  fit::Verdict verdict;
  bool near = false;
};

// E, alpha, beta, N* and the loss there.
std::vector<Answer> answers_of(const fit::FitResult& found, const VerdictDesign& design) {
  const fit::Law& law = fit::chinchilla_law();
  const fit::Theta truth = fit::theta_from_values(law, design.truth);
  std::vector<Answer> out;
  for (const char* name : {"E", "alpha", "beta"}) {
    const auto place = static_cast<std::size_t>(law.index(name));
    const double value = found.coefficients[place].value;
    const double exact = design.truth[place];
    const double limit = place == 0 ? 0.1 * std::max(exact, 0.1) : 0.15;
    out.push_back({found.coefficients[place].verdict, std::abs(value - exact) <= limit});
  }
  double flops = 0;
  for (const fit::Point& each : design.points) flops = std::max(flops, fit::training_flops(each));
  const fit::Budget budget{10 * flops, {}, {}};
  const auto exact = fit::best_split(law, truth, budget);
  const auto of = [&](double fit::Split::*which) {
    return fit::estimate(found, [&](const fit::Theta& at) -> std::optional<double> {
      const auto split = fit::best_split(law, at, budget);
      return split ? std::optional((*split).*which) : std::nullopt;
    });
  };
  const fit::Estimate params = of(&fit::Split::params), loss = of(&fit::Split::loss);
  const auto within = [](const fit::Estimate& value, double truth_value, double limit) {
    return value.value && std::abs(std::log(*value.value / truth_value)) <= limit;
  };
  fit::Verdict split = fit::verdict_of_split("N*", params),
               at_loss = fit::verdict_of_loss("L*", loss);
  if (!params.value) split.degree = at_loss.degree = fit::Knowledge::kNotKnown;
  // Without draws, or along a line, nobody knows N*.
  if (found.draws.rows() == 0 || !found.confounded.empty()) {
    split.degree = at_loss.degree = fit::Knowledge::kNotKnown;
  }
  out.push_back({split, exact && within(params, exact->params, std::log(2.0))});
  out.push_back({at_loss, exact && within(loss, exact->loss, 0.02)});
  return out;
}

fit::Points with_noise(const VerdictDesign& design, unsigned sweep) {
  std::mt19937_64 engine(7919ULL * sweep + 3);
  std::normal_distribution<double> normal;
  const fit::Law& law = fit::chinchilla_law();
  const fit::Theta theta = fit::theta_from_values(law, design.truth);
  fit::Points out = design.points;
  for (fit::Point& each : out) {
    each.loss = fit::predicted_loss(law, theta, each.params, each.tokens) *
                std::exp(design.noise * normal(engine));
  }
  return out;
}

}  // namespace

std::vector<VerdictDesign> verdict_designs() {
  const std::vector<double> four = spaced(4, 3e7, 3e9), six = spaced(6, 3e7, 3e9);
  const std::vector<double> olmo = {1.9e8, 3.7e8, 7.6e8, 1.28e9};
  fit::Points five = ratios(spaced(3, 3e7, 3e9), {5, 80});
  fit::Points seven = ratios(four, {5, 80});
  five.pop_back();
  seven.pop_back();
  std::vector<VerdictDesign> out = {
      {"4 sizes x 3", ratios(four, {5, 20, 80}), kTruth},
      {"6 sizes x 4", ratios(six, {3, 10, 30, 100}), kTruth},
      {"20 sizes x 3", ratios(spaced(20, 1e7, 1e10), {5, 20, 80}), kTruth},
      {"40 sizes x 5", ratios(spaced(40, 1e7, 1e10), {2, 5, 10, 20, 40}), kTruth},
      {"D = 20 N, 12 sizes", ratios(spaced(12, 3e7, 3e9), {20}), kTruth},
      {"D/N within 6 %, 20 sizes", nearly_ray(), kTruth},
      {"one size x 8", ratios({3e8}, {2, 4, 8, 16, 32, 64, 128, 256}), kTruth},
      {"one token count x 8", tokens(spaced(8, 3e7, 3e9), {1e10}), kTruth},
      {"two sizes x 5", ratios({1e8, 1e9}, {5, 10, 20, 40, 80}), kTruth},
      {"two pairs of near sizes x 4", ratios({1e8, 1.02e8, 1e9, 1.02e9}, {5, 10, 40, 80}), kTruth},
      {"two token counts x 6", tokens(six, {1e10, 1e11}), kTruth},
      {"isoFLOP 1 x 7", budgets({1e20}, 7), kTruth},
      {"isoFLOP 3 x 5", budgets({1e18, 1e19, 1e20}, 5), kTruth},
      {"isoFLOP 5 x 7", budgets({1e18, 3e18, 1e19, 3e19, 1e20}, 7), kTruth},
      {"OLMo's 4 sizes x 4", ratios(olmo, {20, 40, 100, 200}), kTruth},
      {"E = 0, 6 sizes x 4", ratios(six, {3, 10, 30, 100}), kNoFloor},
      {"E = 0, 20 sizes x 5", ratios(spaced(20, 1e7, 1e10), {2, 5, 10, 20, 40}), kNoFloor},
      {"sizes within a factor 3", ratios(spaced(4, 1e9, 3e9), {3, 10, 30, 100}), kTruth},
      {"tokens within a factor 2", ratios(six, {15, 20, 30}), kTruth},
      {"5 runs", five, kTruth},
      {"7 runs", seven, kTruth},
      {"trained long, 6 x 4", ratios(six, {100, 300, 1000, 3000}), kTruth},
      {"trained short, 6 x 4", ratios(six, {0.3, 1, 2, 5}), kTruth},
      {"noise of 3 %, 4 x 4", ratios(four, {3, 10, 30, 100}), kTruth, 0.03}};
  return out;
}

std::vector<VerdictCount> count_verdicts(const VerdictDesign& design, int draws,
                                         const fit::FitOptions& options) {
  std::vector<std::vector<Answer>> found(static_cast<std::size_t>(draws));
  fit::parallel_for(draws, options.threads, [&](int sweep) {
    fit::FitOptions own = options;
    own.threads = 1;
    own.seed = static_cast<std::uint64_t>(sweep + 1);
    found[static_cast<std::size_t>(sweep)] =
        answers_of(fit::fit_law(with_noise(design, static_cast<unsigned>(sweep)), own), design);
  });
  std::vector<VerdictCount> out;
  for (const char* name : {"E", "alpha", "beta", "N*", "loss"}) out.push_back({name});
  for (const auto& sweep : found) {
    for (std::size_t a = 0; a < out.size(); ++a) {
      const bool known = sweep[a].verdict.degree == fit::Knowledge::kKnown;
      const bool weakly = sweep[a].verdict.degree == fit::Knowledge::kWeaklyKnown;
      out[a].known += known ? 1 : 0;
      out[a].weakly += weakly ? 1 : 0;
      out[a].not_known += !known && !weakly ? 1 : 0;
      out[a].false_known += known && !sweep[a].near ? 1 : 0;
      out[a].near += sweep[a].near ? 1 : 0;
    }
  }
  return out;
}

}  // namespace few_runs
