#include "apps/study/pooled_law.h"

#include <cmath>

#include "fit/solve/fitter.h"
#include "fit/solve/random.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

// Runs of one language from scratch, with their fit.
PairFits language(const std::string& name, double e, double a, double b, double beta,
                  std::uint64_t seed) {
  fit::Random random(seed, 0);
  Dataset data;
  for (double n = 1e7; n < 2e9; n *= 2) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0, 80.0}) {
      const double d = n * ratio;
      const double loss = e + a / std::pow(n, 0.34) + b / std::pow(d, beta);
      data.data.points.push_back({n, d, loss * std::exp(0.001 * random.normal())});
    }
  }
  fit::FitOptions options;
  options.draws = 200;
  options.starts = 16;
  PairFits out;
  out.pair.language = name;
  out.fits.push_back({"scratch", fit::fit_law(data.data.points, options), data});
  return out;
}

}  // namespace

TEST_CASE("Languages with the same exponents are pooled to them, each with its own E, A and B") {
  const std::optional<PooledLaw> found =
      pooled_law({language("fr", 1.5, 300, 500, 0.29, 1), language("zh", 2.1, 420, 800, 0.29, 2),
                  language("ru", 1.8, 350, 600, 0.29, 3)});
  REQUIRE(found);
  INFO(describe(*found));
  CHECK(found->freedom == 4);
  CHECK(found->chance > 0.01);
  CHECK(std::abs(*found->alpha.value - 0.34) < 3 * *found->alpha.se);
  CHECK(std::abs(*found->beta.value - 0.29) < 3 * *found->beta.se);
  for (const LanguageLaw& law : found->languages) {
    CHECK(*found->beta.se < *law.beta.se);
    CHECK(law.pooled_rms < 1.3 * law.rms);
  }
  CHECK(*found->languages[0].e.value == Approx(1.5).margin(0.05));
  CHECK(*found->languages[1].e.value == Approx(2.1).margin(0.05));
}

TEST_CASE("Languages with unlike exponents are told from each other, and one alone has no pool") {
  const std::optional<PooledLaw> found =
      pooled_law({language("fr", 1.5, 300, 500, 0.29, 1), language("zh", 1.5, 300, 500, 0.36, 2)});
  REQUIRE(found);
  CHECK(found->chance < 0.01);
  CHECK(describe(*found).find("do not share") != std::string::npos);
  CHECK_FALSE(pooled_law({language("fr", 1.5, 300, 500, 0.29, 1)}));
}
