#include "fit/data/json_records.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using Strings = std::vector<std::string>;

namespace {

Records parse(std::string_view text) { return parse_records(text, "f.json", {}); }

std::string cell(const Records& records, std::size_t row, std::string_view column) {
  return records.rows.at(row).at(records.column(column));
}

}  // namespace

TEST_CASE("Every orient of pandas that names its columns gives the same rows") {
  for (
      const char* text :
      {R"([{"N":1,"D":2,"loss":3.5},{"N":4,"D":5,"loss":3.25}])",
       R"({"0":{"N":1,"D":2,"loss":3.5},"1":{"N":4,"D":5,"loss":3.25}})",
       R"({"N":{"0":1,"1":4},"D":{"0":2,"1":5},"loss":{"0":3.5,"1":3.25}})",
       R"({"columns":["N","D","loss"],"index":[0,1],"data":[[1,2,3.5],[4,5,3.25]]})",
       R"({"schema":{"fields":[{"name":"N"},{"name":"D"}]},"data":[{"index":0,"N":1,"D":2,"loss":3.5},{"index":1,"N":4,"D":5,"loss":3.25}]})",
       R"({"N":[1,4],"D":[2,5],"loss":[3.5,3.25]})", R"([["N","D","loss"],[1,2,3.5],[4,5,3.25]])",
       "{\"N\":1,\"D\":2,\"loss\":3.5}\n{\"N\":4,\"D\":5,\"loss\":3.25}\n",
       R"({"runs":[{"N":1,"D":2,"loss":3.5},{"N":4,"D":5,"loss":3.25}],"made":"today"})",
       R"({"results":{"a":{"N":1,"D":2,"loss":3.5},"b":{"N":4,"D":5,"loss":3.25}}})"}) {
    INFO(text);
    const Records records = parse(text);
    REQUIRE(records.rows.size() == 2);
    CHECK(cell(records, 0, "N") == "1");
    CHECK(cell(records, 1, "D") == "5");
    CHECK(cell(records, 1, "loss") == "3.25");
  }
}

TEST_CASE("Rows without names of columns are refused, and so are two tables") {
  CHECK_THROWS_WITH(parse("[[1,2,3],[4,5,6]]"), has_text("orient=\"values\""));
  CHECK_THROWS_WITH(parse(R"({"a":[{"N":1}],"b":[{"N":2}]})"), has_text("under each of a, b"));
  CHECK_THROWS_WITH(parse(R"({"N":[1,2],"D":[3]})"), has_text("'N' has 2 values"));
}

TEST_CASE("An object of runs keeps their names") {
  const Records records = parse(R"({"run-a":{"N":1,"loss":3},"run-b":{"N":2,"loss":2.5}})");
  CHECK(cell(records, 0, "key") == "run-a");
  CHECK(records.place(1) == "row 2");
}

TEST_CASE("Objects inside a row become dotted paths, and what W&B wraps is unwrapped") {
  const Records records = parse(
      R"({"name":"a","config":{"n_params":{"value":125,"desc":null},"model":{"depth":4}},"summary":{"eval/loss":3.5}})"
      "\n"
      R"({"name":"b","config":{"n_params":{"value":350}},"summary":{"eval/loss":3.25}})");
  CHECK(cell(records, 0, "config.n_params") == "125");
  CHECK(cell(records, 1, "config.n_params") == "350");
  CHECK(cell(records, 0, "config.model.depth") == "4");
  CHECK(cell(records, 1, "config.model.depth").empty());
  CHECK(cell(records, 1, "summary.eval/loss") == "3.25");
}

TEST_CASE("NaN and Infinity, which Python writes, are missing values, in strings they are text") {
  const Records records = parse(R"([{"N":NaN,"D":-Infinity,"loss":Infinity,"s":"a \"NaN\" b"}])");
  for (const char* column : {"N", "D", "loss"}) CHECK(is_missing(cell(records, 0, column)));
  CHECK(cell(records, 0, "s") == "a \"NaN\" b");
}

TEST_CASE("Broken JSON is refused in our words, with its line") {
  CHECK_THROWS_WITH(parse("[{\"N\": 1},\n {\"N\": }]"),
                    has_text("f.json, line 2: not valid JSON near") && !has_text("json.exception"));
  CHECK_THROWS_WITH(parse("[1, 2]"), has_text("row 1: expected a JSON object"));
  CHECK_THROWS_WITH(parse("[{\"N\": 1e999}]"), has_text("f.json, line 1: not valid JSON"));
}

TEST_CASE("A column that lacks rows hides none of the others") {
  const Records records = parse(R"({"N":{"0":1},"D":{"0":2,"1":5},"loss":{"0":3.5,"1":3.25}})");
  REQUIRE(records.rows.size() == 2);
  CHECK(cell(records, 1, "N").empty());
  CHECK(cell(records, 1, "D") == "5");
}

TEST_CASE("What stands beside lists of columns holds for every row") {
  const Records records =
      parse(R"({"name":"sweep A","N":[1,4],"D":[2,5],"loss":[3.5,3.25],"depth":8})");
  REQUIRE(records.rows.size() == 2);
  CHECK(cell(records, 1, "loss") == "3.25");
  CHECK(cell(records, 1, "name") == "sweep A");
  const Records run = parse(R"({"N":1,"D":2,"loss":3,"betas":[0.9,0.95],"sizes":[1,2]})");
  CHECK(run.rows.size() == 1);
}

TEST_CASE("Lines of comment above JSON are said, and what is beside a table is, too") {
  const Records records = parse("// made by us\n[{\"N\": 1, \"D\": 2}]");
  CHECK(records.rows.size() == 1);
  CHECK_THAT(records.notes.at(0), has_text("1 line of comment (//)"));
  const Records inner = parse(R"({"runs":[{"N":1}],"setup":{"lr":3},"made":"2024"})");
  CHECK_THAT(inner.notes.at(0), has_text("'runs'") && has_text("under setup is left out"));
}
