#include "apps/commands/output_format.h"

#include <stdexcept>

#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

TEST_CASE("One form of output is chosen, text where none is asked for") {
  CHECK(output_format({}) == fit::TableFormat::kText);
  CHECK(output_format({.csv = true}) == fit::TableFormat::kCsv);
  CHECK(output_format({.markdown = true}) == fit::TableFormat::kMarkdown);
  CHECK(output_format({.latex = true}) == fit::TableFormat::kLatex);
  CHECK_FALSE(output_format({.json = true}));
  CHECK_THROWS_WITH(output_format({.json = true, .latex = true}), has_text("exclude each other"));
}

TEST_CASE("A file for charts needs a known ending and a folder that is there") {
  CHECK_NOTHROW(require_plot(""));
  CHECK_NOTHROW(require_plot("charts.svg"));
  CHECK_THROWS_AS(require_plot("charts.gif"), std::invalid_argument);
  CHECK_THROWS_WITH(require_plot("no/such/folder/charts.svg"), has_text("make it first"));
}
