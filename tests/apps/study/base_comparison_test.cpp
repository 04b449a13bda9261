#include "apps/study/base_comparison.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/apps/planted_transfer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::TransferWorld;

namespace {

TransferWorld of_three_bases() {
  TransferWorld world;
  world.bases = {5, 10, 20};
  world.base_exponent = 0.06;
  world.every = 6;
  return world;
}

}  // namespace

TEST_CASE(
    "What a longer trained source model is worth comes back, by pairs of runs and by the law") {
  const TransferWorld world = of_three_bases();
  const tests::TempFolder folder;
  const db::RunStore store = tests::simulate(world, folder.path());
  const Observations observations(store, ParamsCount::kAll);
  const std::vector<BaseComparison> found = base_comparisons(observations);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].rows.size() == 3);
  CHECK(found[0].strategy == "continued");
  // The mean of the planted differences over the same sizes and budgets.
  for (const BaseRow& row : found[0].rows) {
    INFO(row.base_tokens_per_param << " tokens a parameter");
    if (row.base_tokens_per_param == 20) {
      CHECK_FALSE(row.loss_difference.value);
      continue;
    }
    double truth = 0;
    std::size_t runs = 0;
    for (const LanguagePair& pair : observations.pairs()) {
      if (pair.base != row.base_tokens_per_param) continue;
      for (const Measurement& m : observations.of_strategy(pair.continued, 0)) {
        const auto tokens = static_cast<double>(m.tokens);
        const double of_base = std::pow(row.base_tokens_per_param / 20, -world.base_exponent);
        truth += world.continued_loss(m.params, tokens, 0, of_base) -
                 world.continued_loss(m.params, tokens);
        ++runs;
      }
    }
    truth /= static_cast<double>(runs);
    CHECK(row.runs == runs);
    // The scatter of two losses of about 2.4, over so many pairs.
    const double scatter = 2.4 * world.noise * std::sqrt(2.0 / static_cast<double>(runs));
    CHECK(*row.loss_difference.value == Approx(truth).margin(4 * scatter));
    CHECK(row.loss_difference.ci95->low > 0);
  }
  REQUIRE(found[0].delta.ci95);
  CHECK(*found[0].delta.value == Approx(world.base_exponent).margin(0.02));
  CHECK(found[0].delta.ci95->low < world.base_exponent);
  CHECK(found[0].delta.ci95->high > world.base_exponent);
  CHECK_THAT(describe(found[0]), tests::has_text("the longer the source was trained, the better"));
  CHECK(to_json(found)[0]["rows"][2]["loss_difference"].is_null());
}

TEST_CASE("Bases that are worth the same cannot be told apart, and one base is no comparison") {
  TransferWorld world = of_three_bases();
  world.base_exponent = 0;
  const tests::TempFolder folder;
  const db::RunStore store = tests::simulate(world, folder.path());
  const std::vector<BaseComparison> found =
      base_comparisons(Observations(store, ParamsCount::kAll), 0);
  REQUIRE(found.size() == 1);
  CHECK_THAT(describe(found[0]), tests::has_text("cannot tell"));
  const tests::TempFolder other;
  const db::RunStore plain = tests::simulate({.every = 20}, other.path());
  CHECK(base_comparisons(Observations(plain, ParamsCount::kAll), 0).empty());
}
