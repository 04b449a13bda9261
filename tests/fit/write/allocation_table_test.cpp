#include "fit/write/allocation_table.h"

#include <nlohmann/json.hpp>

#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

AllocationOptions budgets() {
  AllocationOptions options;
  options.flops = {1e18, 1e20};
  return options;
}

FitResult both_strategies() {
  FitOptions options;
  options.law = "two-stage";
  options.starts = 8;
  options.draws = 60;
  return fit_law(two_strategies(0.003), options);
}

}  // namespace

TEST_CASE("The JSON has one row a budget with values and intervals") {
  FitOptions options;
  options.draws = 60;
  const FitResult fit = fit_law(reference_points("chinchilla_epoch_240"), options);
  const AllocationReport report = report_allocation(fit, budgets());
  const nlohmann::ordered_json json = to_json(report);
  CHECK(json["schema"] == 1);
  REQUIRE(json["rows"].size() == 2);
  const nlohmann::ordered_json& row = json["rows"][1];
  CHECK(row["flops"] == 1e20);
  for (const char* key : {"params", "tokens", "loss"}) CHECK(row[key].is_number());
  for (const char* key : {"params_ci95", "tokens_ci95", "loss_ci95"}) CHECK(row[key].size() == 2);
  CHECK(6 * row["params"].get<double>() * row["tokens"].get<double>() == Approx(1e20));
  CHECK_FALSE(row.contains("strategy"));
  CHECK_FALSE(json.contains("savings"));
}

TEST_CASE("Both strategies stand side by side, with what continuing saves") {
  const AllocationReport report = report_allocation(both_strategies(), budgets());
  const Table table = allocation_table(report);
  REQUIRE(table.rows.size() == 4);
  CHECK(table.header[1] == "strategy");
  CHECK(table.rows[0][1] == "scratch");
  CHECK(table.rows[1][1] == "continued");
  CHECK(table.rows[0][0] == table.rows[1][0]);
  for (const auto& row : table.rows) CHECK(row.size() == table.header.size());
  const Table savings = saving_table(report);
  REQUIRE(savings.rows.size() == 2);
  CHECK(savings.rows[0].size() == savings.header.size());
  const nlohmann::ordered_json json = to_json(report);
  CHECK(json["rows"].size() == 4);
  CHECK(json["rows"][0]["strategy"] == "scratch");
  REQUIRE(json["savings"].size() == 2);
  CHECK(json["savings"][0]["saved_share"]["ci95"].size() == 2);
}

TEST_CASE("Where scratch never overtakes the crossing is null, in the JSON as in words") {
  const std::vector<double> values = {kE, kA, kAlpha, kB, 0.2, kContinuedB, 0.4, kGamma};
  const AllocationReport report = report_allocation(from_values(joint_law(), values), budgets());
  REQUIRE_FALSE(report.savings.empty());
  const nlohmann::ordered_json json = to_json(report);
  for (const nlohmann::ordered_json& each : json["savings"]) {
    CHECK(each["continued_better_below"] == false);
    CHECK(each["crossing_tokens"]["value"].is_null());
  }
  const Table table = saving_table(report);
  CHECK(table.rows[0][table.header.size() - 2] == "never");
}

TEST_CASE("The CSV has the numbers in full and the ladder's choice") {
  AllocationOptions options = budgets();
  options.ladder = {{"1B, tied", 1e9, {}}};
  const FitResult fit = from_values(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta});
  const AllocationReport report = report_allocation(fit, options);
  const Table csv = allocation_csv(report);
  REQUIRE(csv.rows.size() == 2);
  CHECK(csv.rows[0].size() == csv.header.size());
  CHECK(csv.header[2] == "params");
  CHECK(std::stod(csv.rows[1][2]) == *report.strategies[0].rows[1].params.value);
  CHECK(csv.rows[0][3].empty());
  CHECK_THAT(render(csv, TableFormat::kCsv), has_text("\"1B, tied\""));
  CHECK(allocation_table(report).rows[0][10] == "1B, tied");
}

TEST_CASE("A refused allocation has no rows and says why once") {
  FitOptions options;
  options.draws = 0;
  const FitResult fit = fit_law(reference_points("cerebras_7"), options);
  const AllocationReport report = report_allocation(fit, budgets());
  CHECK(allocation_table(report).rows.empty());
  CHECK(to_json(report)["rows"].empty());
  const std::vector<std::string> said = warnings(report);
  int reasons = 0;
  for (const std::string& each : said) reasons += each.find("19.6 to 20.2") != std::string::npos;
  CHECK(reasons == 1);
}
