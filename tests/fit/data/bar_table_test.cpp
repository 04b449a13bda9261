#include "fit/data/bar_table.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using Strings = std::vector<std::string>;

namespace {

Records tables_in(std::string_view text) { return parse_records(text, "f.md", {}); }

std::string all_notes(const Records& records) {
  std::string out;
  for (const std::string& each : records.notes) out += each + "\n";
  return out;
}

}  // namespace

TEST_CASE("A table goes on after a blank line, a sentence or a comment, which are said") {
  const Records records = tables_in(
      "# Runs\n\n| N | D | loss |\n|---|---|---|\n| 1 | 2 | 3 |\n\n| 4 | 5 | 6 |\nOf p(x|y):\n"
      "<!-- more -->\n| 7 | 8 | 9 |\n");
  CHECK(records.lines == std::vector<std::size_t>{5, 7, 10});
  CHECK(records.rows[2] == Strings{"7", "8", "9"});
  CHECK_THAT(all_notes(records), has_text("lines 1, 8, 9: text beside the table"));
}

TEST_CASE("Further tables with the same header are joined, whoever draws them") {
  const char* const texts[] = {
      "| N | D | loss |\n|---|---|---|\n| 1 | 2 | 3 |\n\n| N | D | loss |\n|---|---|---|\n"
      "| 4 | 5 | 6 |\n",
      " N | D | loss\n---+---+---\n 1 | 2 | 3\n(1 row)\n\n N | D | loss\n---+---+---\n 4 | 5 | 6\n"
      "(1 row)\n",
      "+---+---+------+\n| N | D | loss |\n+===+===+======+\n| 1 | 2 | 3 |\n+---+---+------+\n\n"
      "+---+---+------+\n| N | D | loss |\n+===+===+======+\n| 4 | 5 | 6 |\n+---+---+------+\n"};
  for (const char* text : texts) {
    INFO(text);
    const Records records = tables_in(text);
    REQUIRE(records.rows.size() == 2);
    CHECK(records.rows[1] == Strings{"4", "5", "6"});
    CHECK_THAT(all_notes(records), has_text("the header again"));
  }
}

TEST_CASE("Tables that libraries draw with lines and corners are read, types and frames left out") {
  const char* const duckdb =
      "┌───────┬────────┬────────┐\n│   N   │   D    │  loss  │\n│ int64 │ double │ double │\n"
      "├───────┼────────┼────────┤\n│     1 │      2 │      3 │\n│     4 │      5 │      6 │\n"
      "├───────┴────────┴────────┤\n│ 2 rows        3 columns │\n└─────────────────────────┘\n";
  const char* const polars =
      "shape: (2, 3)\n┌─────┬─────┬──────┐\n│ N   ┆ D   ┆ loss │\n│ --- ┆ --- ┆ ---  │\n"
      "│ i64 ┆ f64 ┆ f64  │\n╞═════╪═════╪══════╡\n│ 1   ┆ 2   ┆ 3    │\n│ 4   ┆ 5   ┆ 6    │\n"
      "└─────┴─────┴──────┘\n";
  const char* const rich =
      "┏━━━┳━━━┳━━━━━━┓\n┃ N ┃ D ┃ loss ┃\n┡━━━╇━━━╇━━━━━━┩\n│ 1 │ 2 │ 3    │\n"
      "│ 4 │ 5 │ 6    │\n└───┴───┴──────┘\n";
  for (const char* text : {duckdb, polars, rich}) {
    INFO(text);
    const Records records = tables_in(text);
    CHECK(records.columns == Strings{"N", "D", "loss"});
    REQUIRE(records.rows.size() == 2);
    CHECK(records.rows[0] == Strings{"1", "2", "3"});
    CHECK(records.rows[1] == Strings{"4", "5", "6"});
  }
  // Rows that it does not show are missing, which nobody may overlook.
  CHECK_THROWS_WITH(
      parse_records("┌───┬───┐\n│ N ┆ D │\n╞═══╪═══╡\n│ 1 ┆ 2 │\n│ … ┆ … │\n│ 9 ┆ 9 │\n└───┴───┘\n",
                    "f.txt", {}),
      has_text("f.txt, line 5: the table stands for rows that it does not show"));
}

TEST_CASE("A grid whose last row holds no number has no second header") {
  const Records records = tables_in(
      "+-----+---+---+\n| run | N | D |\n+=====+===+===+\n| a | 1 | 2 |\n+-----+---+---+\n"
      "| b | - | - |\n+-----+---+---+\n");
  CHECK(records.rows.size() == 2);
}

TEST_CASE("Of tables with different headers that is taken which a fit needs, the others are said") {
  const Records records = tables_in(
      "| lr | batch |\n|---|---|\n| 1e-3 | 256 |\n| 3e-3 | 512 |\n\n| params | tokens | loss |\n"
      "|---|---|---|\n| 1e8 | 2e9 | 3 |\n");
  CHECK(records.columns == Strings{"params", "tokens", "loss"});
  CHECK(records.rows.size() == 1);
  CHECK_THAT(all_notes(records),
             has_text("line 1: another table (lr, batch), of 2 rows, left out"));
}

TEST_CASE("Rows that belong to no table, or to one of two that say the same, are refused by line") {
  CHECK_THROWS_WITH(
      tables_in("| N | D | loss |\n|-|-|-|\n| 1 | 2 | 3 |\n\n| N | D | ppl |\n|-|-|-|\n"
                "| 4 | 5 | 6 |\n"),
      has_text("f.md, line 5: another table") && has_text("N, D, ppl"));
  CHECK_THROWS_WITH(tables_in("| N | D | loss |\n|-|-|-|\n| 1 | 2 | 3 |\n\nand\n\n| 4 | 5 |\n"),
                    has_text("f.md, line 7: 2 fields"));
  CHECK_THROWS_WITH(tables_in("| 1 | 2 | 3 |\n\n| N | D | loss |\n|-|-|-|\n| 4 | 5 | 6 |\n"),
                    has_text("f.md, line 1") && has_text("no rule"));
}
