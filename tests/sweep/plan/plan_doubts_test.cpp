#include "sweep/plan/plan_doubts.h"

#include "sweep/plan/plan.h"
#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"

namespace crosslaw::sweep {
namespace {

std::vector<std::string> warned(const std::string& from, const std::string& to) {
  tests::SmallSweep sweep;
  sweep.edit(from, to);
  const SweepSpec spec = read_spec(sweep.spec);
  return make_plan(spec, read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr)
      .warnings;
}

}  // namespace

TEST_CASE("a plan that nobody means says what it asks for") {
  CHECK(warned("tokens_per_param = [2, 4]", "tokens_per_param = [2, 5]").empty());
  const auto rates =
      warned("learning_rate_times_hidden = 0.2", "learning_rate_times_hidden = 2000");
  REQUIRE(rates.size() == 1);
  CHECK_THAT(rates[0], has_text("learning rates go up to"));
  const auto rows = warned("vocabulary = 256", "vocabulary = 32000");
  REQUIRE(rows.size() == 1);
  CHECK_THAT(rows[0], has_text("the other 31744 rows") && has_text("data.tokenizer"));
  const auto budgets = warned("tokens_per_param = [2, 4]", "tokens_per_param = [2, 2e6]");
  REQUIRE(budgets.size() == 1);
  CHECK_THAT(budgets[0], has_text("2e+06 tokens a parameter"));
}

}  // namespace crosslaw::sweep
