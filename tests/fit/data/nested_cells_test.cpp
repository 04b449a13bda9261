#include "fit/data/nested_cells.h"

#include "fit/data/data_file.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("The table of runs that W&B's example writes is read by its dictionaries") {
  DataFileOptions options;
  options.path = "project.csv";
  const DataFile file = parse_data(
      ",summary,config,name\n"
      "0,\"{'val/loss': 3.25, '_wandb': {'runtime': 3}, 'D': 2000000000}\",\"{'num_params': "
      "100000000, 'tied': True, 'note': None}\",run-0\n"
      "1,\"{'val/loss': nan, 'D': 4000000000}\",\"{'num_params': 100000000}\",run-1\n"
      "2,\"{'val/loss': 3.0, 'D': 4000000000}\",\"{'num_params': 200000000}\",run-2\n",
      [&] {
        options.drop_missing = true;
        return options;
      }());
  REQUIRE(file.points.size() == 2);
  CHECK(file.points[1].params == 2e8);
  CHECK(file.points[1].tokens == 4e9);
  CHECK(file.points[1].loss == 3.0);
  CHECK_THAT(file.notes.at(0), has_text("hold objects"));
}

TEST_CASE("Objects of JSON in a cell are the same") {
  const Records records = parse_records(
      "run,config\na,\"{\"\"model\"\": {\"\"N\"\": 5}}\"\nb,\"{\"\"model\"\": {\"\"N\"\": 7}}\"\n",
      "f.csv", {});
  CHECK(records.columns == std::vector<std::string>{"run", "config.model.N"});
  CHECK(records.rows[1][1] == "7");
}

TEST_CASE("Python's literals become JSON's") {
  CHECK(python_as_json("{'a': (1, None), \"b\": False}") == R"({"a": [1, null], "b": false})");
  CHECK(python_as_json(R"({'it\'s "x"': 1})") == R"({"it's \"x\"": 1})");
}

TEST_CASE("A column that holds other things, too, stays as it is") {
  const Records records = parse_records("N,set\n1,{a}\n2,{'a': 1}\n", "f.csv", {});
  CHECK(records.columns == std::vector<std::string>{"N", "set"});
}
