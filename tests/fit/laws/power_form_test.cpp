#include "fit/laws/power_form.h"

#include <cmath>

#include "fit/laws/law_parts.h"
#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

PowerForm form(double e, double a, double alpha, double b, double beta, double gamma = 0) {
  return {std::log(e), std::log(a), alpha, std::log(b), beta, gamma};
}

// The paper's printed coefficients, arXiv 2407.02118, Table 2(a).
PowerForm paper_scratch() { return form(1.55, 420, 0.40, 719.5, 0.30); }
PowerForm paper_continued() { return form(1.55, 420, 0.40, 433.3, 0.20, 0.08); }

// Golden-section search over log N for the least loss with 6ND = flops.
double searched_params(const PowerForm& f, double flops) {
  double low = std::log(1e3), high = std::log(1e18);
  const double golden = (std::sqrt(5.0) - 1) / 2;
  const auto loss = [&](double x) { return f.loss(std::exp(x), flops / 6 / std::exp(x)); };
  for (int i = 0; i < 200; ++i) {
    const double a = high - golden * (high - low), b = low + golden * (high - low);
    (loss(a) < loss(b) ? high : low) = loss(a) < loss(b) ? b : a;
  }
  return std::exp(0.5 * (low + high));
}

}  // namespace

TEST_CASE("The paper's printed coefficients give its printed allocations") {
  const OptimumGrowth scratch = *optimum_growth(paper_scratch());
  CHECK(scratch.params_constant == Approx(0.324).epsilon(2e-3));
  CHECK(scratch.params_exponent == Approx(0.429).epsilon(2e-3));
  CHECK(scratch.tokens_constant == Approx(0.514).epsilon(2e-3));
  CHECK(scratch.tokens_exponent == Approx(0.571).epsilon(2e-3));
  const OptimumGrowth continued = *optimum_growth(paper_continued());
  CHECK(continued.params_constant == Approx(4.79).epsilon(2e-3));
  CHECK(continued.params_exponent == Approx(0.385).epsilon(2e-3));
  CHECK(continued.tokens_constant == Approx(0.035).epsilon(1e-2));
  CHECK(continued.tokens_exponent == Approx(0.615).epsilon(2e-3));
  CHECK(scratch.reducible_exponent == Approx(0.171).epsilon(3e-3));
  CHECK(continued.reducible_exponent == Approx(0.154).epsilon(3e-3));
}

TEST_CASE("The closed form is where a search over N ends") {
  for (const PowerForm& f :
       {paper_scratch(), paper_continued(), form(1.8, 477, 0.347, 2143, 0.367, -0.2)}) {
    for (const double flops : {1e17, 1e21, 1e25}) {
      const Optimum found = *optimum(f, flops);
      CHECK(found.params == Approx(searched_params(f, flops)).epsilon(1e-5));
      CHECK(6 * found.params * found.tokens == Approx(flops).epsilon(1e-12));
      CHECK(found.loss == Approx(f.loss(found.params, found.tokens)).epsilon(1e-12));
    }
  }
}

TEST_CASE("Under another compute model the closed form still is where a search ends") {
  const ComputeModel compute{40.0, 0.92, 0, true};
  const PowerForm f = paper_continued();
  const double flops = 1e21;
  double best = 0, least = 1e9;
  for (double x = std::log(1e7); x < std::log(1e12); x += 1e-4) {
    const double n = std::exp(x);
    const double loss = f.loss(n, flops / compute.flops_per_token(n));
    if (loss < least) best = n;
    least = std::min(least, loss);
  }
  const Optimum found = *optimum(f, flops, compute);
  CHECK(found.params == Approx(best).epsilon(2e-4));
  CHECK(compute.flops_per_token(found.params) * found.tokens == Approx(flops));
  const OptimumGrowth line = *optimum_growth(f, compute);
  CHECK(line.params_constant * std::pow(flops, line.params_exponent) == Approx(found.params));
  CHECK(line.tokens_constant * std::pow(flops, line.tokens_exponent) == Approx(found.tokens));
  CHECK(*flops_for_loss(f, found.loss, compute) == Approx(flops).epsilon(1e-9));
  // gamma between phi beta and beta: an optimum under 6ND, none under this model.
  CHECK(why_no_optimum(form(1.5, 400, 0.3, 400, 0.2, 0.19)).empty());
  CHECK_THAT(why_no_optimum(form(1.5, 400, 0.3, 400, 0.2, 0.19), compute),
             has_text("0.92 beta = 0.2"));
}

TEST_CASE("The frontier is the optimum at every budget") {
  const PowerForm f = paper_continued();
  const OptimumGrowth line = *optimum_growth(f);
  for (const double flops : {1e18, 1e22}) {
    const Optimum at = *optimum(f, flops);
    CHECK(line.params_constant * std::pow(flops, line.params_exponent) == Approx(at.params));
    CHECK(line.tokens_constant * std::pow(flops, line.tokens_exponent) == Approx(at.tokens));
    CHECK(1.55 + line.reducible_constant * std::pow(flops, -line.reducible_exponent) ==
          Approx(at.loss));
    CHECK(*flops_for_loss(f, at.loss) == Approx(flops).epsilon(1e-9));
  }
  CHECK_FALSE(flops_for_loss(f, 1.55));
}

TEST_CASE("Without alpha > 0 and beta > gamma there is no optimum, and the reason is said") {
  CHECK_FALSE(optimum(form(1.5, 400, -0.1, 400, 0.3), 1e20));
  CHECK_THAT(why_no_optimum(form(1.5, 400, -0.1, 400, 0.3)), has_text("alpha"));
  CHECK_FALSE(optimum(form(1.5, 400, 0.3, 400, 0.1, 0.1), 1e20));
  CHECK_FALSE(optimum_growth(form(1.5, 400, 0.3, 400, 0.1, 0.2)));
  CHECK_THAT(why_no_optimum(form(1.5, 400, 0.3, 400, 0.1, 0.2)), has_text("gamma"));
  CHECK(why_no_optimum(paper_scratch()).empty());
}

TEST_CASE("Equal-loss tokens give equal losses") {
  const PowerForm s = form(1.55, 420, 0.4, 719.5, 0.30);
  const PowerForm c = form(1.55, 420, 0.4, 300.0, 0.25, 0.02);
  const double tokens = *equal_loss_tokens(s, c, 1.4e9, 2e10);
  CHECK(s.loss(1.4e9, tokens) == Approx(c.loss(1.4e9, 2e10)).epsilon(1e-12));
  // The closed form for shared E, A, alpha: (B D^beta' N^gamma / B')^(1/beta).
  CHECK(tokens ==
        Approx(std::pow(719.5 * std::pow(2e10, 0.25) * std::pow(1.4e9, 0.02) / 300.0, 1 / 0.30)));
  const PowerForm other = form(1.50, 400, 0.41, 300.0, 0.25, 0.02);
  CHECK(s.loss(1.4e9, *equal_loss_tokens(s, other, 1.4e9, 2e10)) ==
        Approx(other.loss(1.4e9, 2e10)).epsilon(1e-12));
  CHECK_FALSE(equal_loss_tokens(s, form(1.0, 1, 0.4, 1.0, 0.25), 1.4e9, 2e10));
}

TEST_CASE("At the crossing both strategies have the same loss, before it the continued is better") {
  const PowerForm s = form(1.55, 420, 0.4, 719.5, 0.30);
  const PowerForm c = form(1.55, 420, 0.4, 150.0, 0.22, 0.02);
  const double tokens = *crossing_tokens(s, c, 1.4e9);
  CHECK(s.loss(1.4e9, tokens) == Approx(c.loss(1.4e9, tokens)).epsilon(1e-12));
  CHECK(c.loss(1.4e9, 0.1 * tokens) < s.loss(1.4e9, 0.1 * tokens));
  CHECK_FALSE(crossing_tokens(s, form(1.55, 420, 0.4, 150.0, 0.30), 1.4e9));
  // The printed table crosses at 159 N^0.8 (rounded coefficients).
  CHECK(*crossing_tokens(paper_scratch(), paper_continued(), 1e9) ==
        Approx(159 * std::pow(1e9, 0.8)).epsilon(5e-3));
}

TEST_CASE("The laws' thetas become their power forms") {
  const Theta joint =
      theta_from_values(joint_law(), {{1.7, 400.0, 0.3, 500.0, 0.28, 200.0, 0.2, 0.05}});
  const auto form_at = [&](Stage stage) {
    const LawPart part = part_at(joint_law(), stage);
    return power_form(*part.law, part_theta(part, joint)).value();
  };
  const PowerForm s = form_at(Stage::kScratch);
  const PowerForm c = form_at(Stage::kContinued);
  CHECK_FALSE(power_form(joint_law(), joint));
  CHECK(s.loss(1e9, 2e10) == Approx(predicted_loss(joint_law(), joint, 1e9, 2e10)));
  CHECK(c.loss(1e9, 2e10) ==
        Approx(predicted_loss(joint_law(), joint, 1e9, 2e10, Stage::kContinued)));
  CHECK(s.gamma == 0);
  CHECK(c.gamma == 0.05);
}
