#include "apps/commands/data_source.h"

#include <iostream>
#include <sstream>

#include "tests/apps/planted_sweep.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using crosslaw::tests::TempFolder;

namespace {

constexpr const char* kRows = "N,D,loss\n1e7,1e9,3.5\n2e7,1e9,3.4\n";

DataSourceOptions sweep_in(const TempFolder& folder) {
  DataSourceOptions options;
  options.directory = folder.path().string();
  return options;
}

}  // namespace

TEST_CASE("Exactly one source must be named, and flags of the other are refused") {
  DataSourceOptions options;
  CHECK_THROWS_WITH(check_data_source(options), has_text("a sweep's folder or --data FILE"));
  options.file.path = "runs.csv";
  CHECK_NOTHROW(check_data_source(options));
  options.points = "ends";
  CHECK_THROWS_WITH(check_data_source(options), has_text("--count, --points and --exact-flops"));
  options.directory = "sweeps/demo";
  CHECK_THROWS_WITH(check_data_source(options), has_text("not both"));
  options.file.path.clear();
  CHECK_NOTHROW(check_data_source(options));
  options.file.cluster = "run";
  CHECK_THROWS_WITH(check_data_source(options), has_text("name columns of --data FILE"));
}

TEST_CASE("A file may stand where a sweep's folder stands, a folder stays one") {
  const TempFolder folder;
  const auto taken = [](const std::string& named) {
    DataSourceOptions options;
    options.directory = named;
    take_positional_file(options);
    return std::pair(options.directory, options.file.path);
  };
  using Pair = std::pair<std::string, std::string>;
  const std::string file = folder.write("table", kRows).string();
  const std::string path = folder.path().string();
  CHECK(taken(file) == Pair{"", file});
  CHECK(taken(path) == Pair{path, ""});
  CHECK(taken("-") == Pair{"", "-"});
  CHECK(taken("missing.csv") == Pair{"", "missing.csv"});
  CHECK(taken("sweeps/missing") == Pair{"sweeps/missing", ""});
}

TEST_CASE("What was taken is said on the log, and what looks wrong") {
  const TempFolder folder;
  fit::DataFileOptions file;
  file.path =
      folder.write("runs.csv", "n_params,tokens,val_loss\n1e7,1e9,3.5\n2e7,1e9,3.4\n").string();
  std::ostringstream log;
  CHECK(read_file(file, log).loss == "val_loss");
  CHECK_THAT(log.str(), has_text("N = 'n_params'") && has_text("--params, --tokens and --loss"));
  file.path = folder.write("wrong.csv", "N,D,loss\n10,1e9,3.5\n20,1e9,3.4\n").string();
  CHECK_THROWS_WITH(read_file(file, log),
                    has_text("wrong.csv: column 'N'") && has_text("--params-unit M"));
}

TEST_CASE("A file says what its columns mean and keeps its text") {
  const TempFolder folder;
  fit::DataFileOptions file;
  file.path = folder.write("runs.csv", kRows).string();
  file.where = {"N>1e7"};
  const Dataset found = read_file(file);
  CHECK(found.text == kRows);
  CHECK(found.convention.params == "column N");
  CHECK(found.convention.compute == "6ND");
  CHECK(describe(found) == file.path + ": 1 of 2 rows\n");
  const nlohmann::ordered_json json = to_json(found);
  CHECK(json.at("used") == 1);
  CHECK(json.at("where").at(0) == "N>1e7");
  CHECK(json.contains("fnv1a64"));
}

TEST_CASE("A dash reads standard input") {
  std::istringstream input(kRows);
  std::streambuf* before = std::cin.rdbuf(input.rdbuf());
  fit::DataFileOptions file;
  file.path = "-";
  const Dataset found = read_file(file);
  std::cin.rdbuf(before);
  CHECK(found.data.points.size() == 2);
}

TEST_CASE("A sweep gives the points of each way of training, with their compute if asked") {
  const TempFolder folder;
  tests::planted_store(folder);
  DataSourceOptions options = sweep_in(folder);
  const std::vector<Strategy> six = read_strategies(options);
  REQUIRE(six.size() == 2);
  CHECK(six[0].name == "scratch");
  CHECK(six[1].name == "continued");
  CHECK(six[1].data.language == "fr");
  CHECK(six[0].data.data.points.size() == 120);
  CHECK(six[0].data.data.points[0].flops == 0);
  CHECK_FALSE(to_json(six[0].data).contains("fnv1a64"));
  CHECK(names_of(six[0].data).params == "N");
  options.exact_flops = true;
  const std::vector<Strategy> exact = read_strategies(options);
  CHECK(exact.at(0).data.data.points[0].flops > 0);
  CHECK(exact.at(0).data.convention.compute == "exact FLOPs of the runs");
  options.directory = (folder / "empty").string();
  CHECK_THROWS_WITH(read_strategies(options), has_text("there is no sweep here"));
}
