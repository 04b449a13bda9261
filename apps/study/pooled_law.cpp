#include "apps/study/pooled_law.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "fit/solve/distributions.h"
#include "fit/solve/fitter.h"

namespace crosslaw::apps {
namespace {

constexpr int kPooledDraws = 200;

// A 2 x 2 symmetric matrix, for alpha and beta.
struct Square2 {
  double aa = 0, ab = 0, bb = 0;

  Square2 inverse() const {
    const double determinant = aa * bb - ab * ab;
    return {bb / determinant, -ab / determinant, aa / determinant};
  }
  bool is_sound() const { return aa > 0 && bb > 0 && aa * bb - ab * ab > 1e-12 * aa * bb; }
};

struct Exponents {
  double alpha = 0, beta = 0;
  Square2 covariance;
};

Exponents exponents_of(const fit::FitResult& fit) {
  const int a = fit.law->index("alpha"), b = fit.law->index("beta");
  Exponents out{fit.value("alpha"), fit.value("beta"), {}};
  const auto rows = static_cast<double>(fit.draws.rows());
  const double mean_a = fit.draws.col(a).mean(), mean_b = fit.draws.col(b).mean();
  for (Eigen::Index row = 0; row < fit.draws.rows(); ++row) {
    const double da = fit.draws(row, a) - mean_a, db = fit.draws(row, b) - mean_b;
    out.covariance.aa += da * da / (rows - 1);
    out.covariance.ab += da * db / (rows - 1);
    out.covariance.bb += db * db / (rows - 1);
  }
  return out;
}

fit::Estimate normal_estimate(double value, double variance) {
  const double se = std::sqrt(variance);
  return {value, se, fit::Range{value - fit::kNormal975 * se, value + fit::kNormal975 * se}, 0};
}

fit::Estimate estimate_of(const fit::FitResult& fit, const char* name) {
  const fit::Coefficient& c = fit.coefficient(name);
  return {c.value, c.se, c.ci95, 0};
}

void refit_with(const NamedFit& alone, const PooledLaw& pooled, LanguageLaw& out) {
  fit::FitOptions options;
  options.law = "chinchilla";
  options.draws = kPooledDraws;
  options.starts = 16;
  options.constraints = {{"alpha", pooled.alpha.value, ""}, {"beta", pooled.beta.value, ""}};
  const fit::FitResult fit = fit::fit_law(alone.data.data.points, options);
  out.e = estimate_of(fit, "E"), out.a = estimate_of(fit, "A"), out.b = estimate_of(fit, "B");
  out.pooled_rms = fit.certificate.rms_log_residual;
}

}  // namespace

std::optional<PooledLaw> pooled_law(const std::vector<PairFits>& fits) {
  std::vector<const NamedFit*> used;
  std::vector<Exponents> each;
  PooledLaw out;
  std::set<std::string> seen;
  constexpr Eigen::Index kFewestDraws = 20;
  for (const PairFits& pair : fits) {
    const NamedFit* scratch = pair.named("scratch");
    if (!scratch || !scratch->fit.identifiable || scratch->fit.draws.rows() < kFewestDraws ||
        !seen.insert(pair.pair.language).second)
      continue;
    const Exponents exponents = exponents_of(scratch->fit);
    if (!exponents.covariance.is_sound()) continue;
    used.push_back(scratch);
    each.push_back(exponents);
    LanguageLaw law;
    law.language = pair.pair.language;
    law.points = scratch->fit.points;
    law.alpha = estimate_of(scratch->fit, "alpha"), law.beta = estimate_of(scratch->fit, "beta");
    law.rms = scratch->fit.certificate.rms_log_residual;
    out.languages.push_back(std::move(law));
  }
  if (used.size() < 2) return std::nullopt;
  // Generalised least squares: each language weighs by the inverse of its covariance.
  Square2 weights;
  double a = 0, b = 0;
  for (const Exponents& one : each) {
    const Square2 w = one.covariance.inverse();
    weights = {weights.aa + w.aa, weights.ab + w.ab, weights.bb + w.bb};
    a += w.aa * one.alpha + w.ab * one.beta;
    b += w.ab * one.alpha + w.bb * one.beta;
  }
  const Square2 covariance = weights.inverse();
  const double alpha = covariance.aa * a + covariance.ab * b;
  const double beta = covariance.ab * a + covariance.bb * b;
  out.alpha = normal_estimate(alpha, covariance.aa);
  out.beta = normal_estimate(beta, covariance.bb);
  for (const Exponents& one : each) {
    const Square2 w = one.covariance.inverse();
    const double da = one.alpha - alpha, db = one.beta - beta;
    out.heterogeneity += w.aa * da * da + 2 * w.ab * da * db + w.bb * db * db;
  }
  out.freedom = 2 * (static_cast<double>(each.size()) - 1);
  out.chance = fit::upper_tail_of_chi_square(out.heterogeneity, out.freedom);
  for (std::size_t i = 0; i < used.size(); ++i) refit_with(*used[i], out, out.languages[i]);
  return out;
}

std::string describe(const PooledLaw& pooled) {
  const auto shown = [](const fit::Estimate& e) {
    return fmt::format("{:.3f} [{:.3f}, {:.3f}]", *e.value, e.ci95->low, e.ci95->high);
  };
  constexpr double kUnlikely = 0.05;
  return fmt::format(
      "Pooled over {} languages alpha is {} and beta {}; {} (Cochran's Q {:.2f} on "
      "{:.0f} degrees of freedom, chance {:.2g}).",
      pooled.languages.size(), shown(pooled.alpha), shown(pooled.beta),
      pooled.chance < kUnlikely ? "the languages do not share them"
                                : "the languages may share them",
      pooled.heterogeneity, pooled.freedom, pooled.chance);
}

}  // namespace crosslaw::apps
