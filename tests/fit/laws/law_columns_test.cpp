#include "fit/laws/law_columns.h"

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

Points plain() {
  return planted::sweep(chinchilla_law(), {1.69, 406.4, 0.34, 410.7, 0.28}, 6, {5, 20, 80});
}

}  // namespace

TEST_CASE("A law says which column the points lack") {
  Points points = plain();
  CHECK(why_unsuitable(chinchilla_law(), points).empty());
  CHECK_THAT(why_unsuitable(d_cpt_law(), points),
             has_text("4 different target shares, and there is 1"));
  CHECK_THAT(why_unsuitable(data_constrained_law(), points), has_text("unique tokens"));
  CHECK_THAT(why_unsuitable(forgetting_law(), points), has_text("2 different target shares"));
  CHECK_THAT(why_unsuitable(base_budget_law(), points), has_text("had seen before"));
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].target_share = 0.1 * static_cast<double>(i % 3);
    points[i].base_tokens = 1e9;
  }
  CHECK(why_unsuitable(effective_data_law(), points).empty());
  CHECK_THAT(why_unsuitable(d_cpt_law(), points),
             has_text("4 different target shares, and there are 3"));
  points.front().target_share = 1;
  CHECK(why_unsuitable(d_cpt_law(), points).empty());
  CHECK(why_unsuitable(base_budget_law(), points).empty());
  CHECK_THAT(why_unsuitable(forgetting_law(), points), has_text("before it was trained"));
  points.back().base_tokens = 0;
  CHECK_THAT(why_unreadable(base_budget_law(), points), has_text("had seen before"));
}

TEST_CASE("A fit without the numbers that its law reads is refused, not made up") {
  FitOptions options;
  options.draws = 0;
  for (const char* law : {"base-budget", "base-interaction", "forgetting"}) {
    options.law = law;
    INFO(law);
    CHECK_THROWS_AS(fit_law(plain(), options), std::invalid_argument);
  }
}

TEST_CASE("Laws of base tokens and of the loss before have no optimum of N and D") {
  for (const Law* law : {&base_budget_law(), &base_interaction_law(), &forgetting_law()})
    CHECK_THAT(why_more_than_size_and_tokens(*law), has_text("no optimum"));
  for (const Law* law : {&chinchilla_law(), &effective_data_law(), &farseer_law()})
    CHECK(why_more_than_size_and_tokens(*law).empty());
}

TEST_CASE("One target share for all points leaves what other text is worth open") {
  Points points = plain();
  for (Point& each : points) each.target_share = 0.67;
  FitOptions options;
  options.law = "effective-data";
  options.draws = 0;
  const FitResult fit = fit_law(points, options);
  CHECK_FALSE(fit.identifiable);
  CHECK_THAT(fit.coefficient("tau").verdict.reason, has_text("the same target share"));
  CHECK(fit.coefficient("alpha").identifiable);
}

TEST_CASE("What a law reads beside N and D is named, and what is taken for given is said") {
  CHECK(read_beside_size_and_tokens(chinchilla_law()).empty());
  CHECK(taken_for_given(chinchilla_law()).empty());
  CHECK_THAT(read_beside_size_and_tokens(d_cpt_law()), has_text("share of target text"));
  CHECK_THAT(read_beside_size_and_tokens(base_budget_law()), has_text("seen before"));
  CHECK_THAT(taken_for_given(d_cpt_law()), has_text("target text alone (r = 1)"));
  CHECK_THAT(taken_for_given(data_constrained_law()), has_text("seen once"));
  CHECK(taken_for_given(data_constrained_law(), true).empty());
}
