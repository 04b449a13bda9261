#include "fit/write/fit_text.h"

#include "fit/solve/fitter.h"
#include "fit/solve/strategies.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("A healthy fit is described with coefficients, certificate and intervals") {
  FitOptions options;
  options.draws = 50;
  const FitResult fit = fit_law(planted::reference_points("chinchilla_epoch_240"), options);
  const std::string text = describe(fit);
  CHECK_THAT(text, has_text("240 points\n"));
  CHECK_THAT(text, has_text("alpha   0.34731"));
  CHECK_THAT(text, has_text("optimum certified, 64 of 64 starts end here; identifiable"));
  CHECK_THAT(text, !has_text("gradient") && !has_text("delta") && !has_text("condition"));
  const std::string verbose = describe(fit, true);
  CHECK_THAT(verbose, has_text("0.00101827402") && has_text("gradient") && has_text("condition"));
  CHECK_THAT(verbose, has_text("identifiable: yes"));
  CHECK_THAT(text, has_text("50 refits, points resampled (200 or more runs), seed 1"));
  CHECK_THAT(text, !has_text("problem:"));
}

TEST_CASE("A degenerate fit says NO and why, coefficient by coefficient") {
  FitOptions options;
  options.draws = 0;
  const FitResult fit = fit_law(planted::reference_points("cerebras_7"), options);
  const std::string text = describe(fit);
  CHECK_THAT(text, has_text("NOT identifiable"));
  CHECK_THAT(text, has_text("problem:      every point has nearly the same tokens per parameter"));
  CHECK_THAT(text, has_text("no bootstrap was asked for"));
  CHECK(coefficient_table(fit).header.back() == "known");
}

TEST_CASE("The fit's own table has the exponents and the optimum of the largest compute") {
  FitOptions options;
  options.draws = 50;
  const FitResult fit = fit_law(planted::reference_points("chinchilla_epoch_240"), options);
  const Table table = coefficient_table(fit);
  const auto cell = [&](const std::string& name) -> std::string {
    for (const auto& row : table.rows) {
      if (row[0] == name) return row[1];
    }
    return "";
  };
  // beta / (alpha + beta) of the reference, and its complement.
  CHECK(std::stod(cell("a")) == Approx(0.5139).margin(5e-4));
  CHECK(std::stod(cell("a")) + std::stod(cell("b")) == Approx(1).margin(1e-5));
  CHECK_THAT(cell("N*"), Catch::Matchers::EndsWith("B"));
  CHECK_FALSE(cell("D*/N*").empty());
  for (const auto& row : table.rows) CHECK(row.size() == table.header.size());
  CHECK_THAT(describe(fit), has_text("N*, D* at C = 1.296e+22"));
}

TEST_CASE("Inherited coefficients are marked, and the CSV has every number in full") {
  FitOptions options;
  options.draws = 30;
  options.starts = 8;
  const FitResult fit =
      strategy_fit(fit_two_stage(planted::two_strategies(0.003), options), "continued");
  CHECK(coefficient_table(fit).rows[2][0] == "alpha (frozen)");
  const Table csv = coefficient_csv(fit);
  CHECK(std::stod(csv.rows[5][1]) == fit.value("gamma"));
  CHECK(std::stod(csv.rows[5][3]) == fit.coefficient("gamma").ci95->low);
}
