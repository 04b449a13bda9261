#include "apps/report/figure_tables.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/report/report_data.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

namespace {

const nlohmann::ordered_json& page() {
  static const nlohmann::ordered_json data = report_data(
      planted_demo().store, planted_demo().observations, planted_demo().fits, "crosslaw report x");
  return data;
}

// The cells of one column.
std::vector<std::string> column(const fit::Table& table, const std::string& name) {
  const auto found = std::find(table.header.begin(), table.header.end(), name);
  INFO(name);
  REQUIRE(found != table.header.end());
  std::vector<std::string> cells;
  for (const std::vector<std::string>& row : table.rows)
    cells.push_back(row.at(static_cast<std::size_t>(found - table.header.begin())));
  return cells;
}

}  // namespace

TEST_CASE("Every figure has a table whose rows are as wide as its header") {
  for (const std::string& name : figure_table_names()) {
    INFO(name);
    const fit::Table table = figure_table(page(), name);
    // The demo has none of these.
    if (std::set<std::string>{"replay", "pooled-laws", "scores", "bases", "texts", "seen-losses"}
            .contains(name)) {
      CHECK(table.rows.empty());
      continue;
    }
    CHECK(table.rows.size() >= 2);
    CHECK(table.header.size() >= 4);
    const std::set<std::string> distinct(table.header.begin(), table.header.end());
    CHECK(distinct.size() == table.header.size());
    for (const std::vector<std::string>& row : table.rows) CHECK(row.size() == table.header.size());
  }
}

TEST_CASE("The table of savings holds every saving of the page with all digits") {
  const fit::Table table = figure_table(page(), "savings");
  std::vector<double> expected;
  for (const auto& pair : page()["pairs"]) {
    for (const auto& saving : pair["savings"])
      expected.push_back(saving["saved_fraction"].get<double>());
  }
  const std::vector<std::string> cells = column(table, "saved_fraction");
  REQUIRE(cells.size() == expected.size());
  for (std::size_t i = 0; i < cells.size(); ++i) CHECK(std::stod(cells[i]) == expected[i]);
}

TEST_CASE("Intervals have two columns, also where the first row has none") {
  nlohmann::ordered_json data = page();
  data["pairs"][0]["savings_law"][0]["ci95"] = nullptr;
  const fit::Table table = figure_table(data, "savings-by-law");
  CHECK(column(table, "ci95_low")[0].empty());
  CHECK(std::stod(column(table, "ci95_low")[1]) < std::stod(column(table, "ci95_high")[1]));
}

TEST_CASE("A budget without an optimum leaves its cells empty") {
  nlohmann::ordered_json data = page();
  data["pairs"][0]["allocation"]["rows"][0]["scratch"] = nullptr;
  const fit::Table table = figure_table(data, "allocation");
  CHECK(column(table, "scratch_params")[0].empty());
  CHECK_FALSE(column(table, "continued_params")[0].empty());
  CHECK_FALSE(column(table, "scratch_params")[1].empty());
}

TEST_CASE("The coefficients say which were held") {
  const fit::Table table = figure_table(page(), "coefficients");
  const std::vector<std::string> fits = column(table, "fit"), names = column(table, "coefficient"),
                                 held = column(table, "held");
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const bool inherited = names[i] == "E" || names[i] == "A" || names[i] == "alpha";
    CHECK(held[i] == (fits[i] == "continued, two-stage" && inherited ? "1" : "0"));
  }
}

TEST_CASE("A figure that does not exist is refused with the names of those that do") {
  CHECK_THROWS_WITH(figure_table(page(), "pie"), has_text("savings-by-law"));
}
