#include "apps/study/sweep_answer.h"

#include <algorithm>

#include "fit/write/table.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

namespace {

const SweepAnswer& planted_answer() {
  static const SweepAnswer answer = sweep_answer(planted_demo().observations, planted_demo().fits);
  return answer;
}

// The same languages again and again, as a sweep of many would have them.
std::vector<PairFits> many(std::size_t count) {
  std::vector<PairFits> out;
  while (out.size() < count) out.push_back(planted_demo().fits[out.size() % 2]);
  return out;
}

}  // namespace

TEST_CASE("The advice agrees with the planted laws at the budget") {
  const SweepAnswer& answer = planted_answer();
  REQUIRE(answer.pairs.size() == 2);
  for (const PairAnswer& each : answer.pairs) {
    // The best loss of each planted law at the budget, by brute force over sizes.
    const auto least = [&](const std::string& strategy) {
      double best = 1e9;
      for (double n = 1e3; n < 1e7; n *= 1.01)
        best = std::min(best, tests::planted_loss(strategy, n, answer.flops / (6 * n)));
      return best;
    };
    const double truth = least(each.pair.continued) - least(each.pair.scratch);
    INFO(each.pair.label() << ": " << truth);
    REQUIRE(each.difference.value);
    CHECK(*each.difference.value == Approx(truth).margin(0.01));
    REQUIRE(each.difference.ci95);
    CHECK(each.difference.ci95->high - each.difference.ci95->low < 0.1);
    if (each.advice == Advice::kContinue) CHECK(truth < 0.003);
    if (each.advice == Advice::kScratch) CHECK(truth > -0.003);
  }
}

TEST_CASE("An interval that holds 0, or none, means that the sweep cannot tell") {
  PairFits fits = planted_demo().fits[0];
  for (NamedFit& named : fits.fits) named.fit.draws.resize(0, named.fit.law->size());
  for (NamedFit& named : fits.fits) named.fit.stages.clear();
  const SweepAnswer answer = sweep_answer(planted_demo().observations, {fits});
  CHECK(answer.pairs[0].advice == Advice::kCannotTell);
  CHECK_THAT(answer_lines(answer)[0], has_text("cannot tell") && has_text("(no interval)"));
}

TEST_CASE("The answer is at most five lines of a page, for any number of languages") {
  for (const std::size_t languages : {1, 2, 3, 4, 9}) {
    const auto lines = answer_lines(sweep_answer(planted_demo().observations, many(languages)));
    INFO(languages << " languages");
    CHECK(lines.size() <= 5);
    for (const std::string& line : lines) CHECK(fit::display_width(line) <= fit::kPageColumns);
  }
}

TEST_CASE("The answer names budget, N*, D*, D*/N*, the law and why that one") {
  const auto lines = answer_lines(planted_answer());
  REQUIRE(lines.size() == 5);
  CHECK_THAT(lines[0], Catch::Matchers::StartsWith("fr: ") && has_text("loss "));
  CHECK_THAT(lines[1], has_text(" at C ") && has_text("N* ") && has_text("D* ") &&
                           has_text("D*/N* ") && has_text("["));
  CHECK_THAT(lines[4], has_text("held-out error") && has_text("fr "));
  for (const PairAnswer& each : planted_answer().pairs)
    CHECK_THAT(lines[4], has_text(each.choice.name));
}

TEST_CASE("A language without a fit says why, and the others answer") {
  std::vector<PairFits> fits = planted_demo().fits;
  fits[1].fits.clear();
  fits[1].choice = {};
  fits[1].missing = {"zh (scratch): no fit: 3 points cannot fit 5 coefficients"};
  const SweepAnswer answer = sweep_answer(planted_demo().observations, fits);
  CHECK(answer.pairs[1].advice == Advice::kNone);
  const auto lines = answer_lines(answer);
  CHECK(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("zh: no answer: zh (scratch): no fit: 3 points");
  }));
}
