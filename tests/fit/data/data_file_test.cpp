#include "fit/data/data_file.h"

#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

DataFileOptions named(std::vector<std::string> where = {}) {
  DataFileOptions options;
  options.path = "f.csv";
  options.where = std::move(where);
  return options;
}

}  // namespace

TEST_CASE("N, D, C and loss are names of what is used in every condition") {
  DataFileOptions options;
  options.path = "f.csv";
  const std::string text =
      "Params (M),tokens,val_loss\n50,1e9,3.5\n100,2e9,3.2\n200,4e9,3.0\n400,8e9,2.8\n";
  const auto sizes = [&](const std::vector<std::string>& where) {
    options.where = where;
    std::vector<double> out;
    for (const Point& each : parse_data(text, options).points) out.push_back(each.params / 1e6);
    return out;
  };
  CHECK(sizes({"N>100M"}) == std::vector<double>{200, 400});
  CHECK(sizes({"D<=4e9", "loss<3.3"}) == std::vector<double>{100, 200});
  CHECK(sizes({"C<1e18"}) == std::vector<double>{50});
  // A column that is called so means itself.
  options.where = {"N=7"};
  CHECK(parse_data("N,n_params,D,loss\n7,1e8,1e9,3\n8,2e8,1e9,2.9\n",
                   {.path = "f.csv", .params = "n_params", .where = {"N=7"}})
            .points.size() == 1);
  CHECK_THROWS_WITH(sizes({"N>1T"}), has_text("no row has N>1T"));
  CHECK_THROWS_WITH(sizes({"N>many"}), has_text("'many' is no number"));
}

TEST_CASE("Conditions on a column with a unit are of the numbers in use, unless its name says it") {
  const auto kept = [](const std::string& header, DataFileOptions options) {
    options.path = "f.csv";
    return parse_data(header + "\n50,1,3.5\n100,2,3.2\n200,4,3.0\n400,8,2.8\n", options)
        .points.size();
  };
  DataFileOptions options;
  options.params_unit = "M";
  options.tokens_unit = "B";
  options.where = {"N<150M"};
  CHECK(kept("N,D,loss", options) == 2);
  options.where = {"N<150"};
  CHECK_THROWS_WITH(kept("N,D,loss", options),
                    has_text("holds for 0 of 4 rows by the numbers in use (times 1e+06), for 2") &&
                        has_text("write the number in use"));
  options.where = {"D>=4e9"};
  CHECK(kept("N,D,loss", options) == 2);
  CHECK(kept("N,D,loss\nM,B,nats", {.where = {"N>100M"}}) == 2);
  CHECK(kept("Params (M),Tokens (B),loss", {.where = {"Params (M)>100"}}) == 2);
  CHECK_THROWS_WITH(kept("Params (M),Tokens (B),loss", {.where = {"Params (M)<300M"}}),
                    has_text("for 4 by those of 'Params (M)' as they stand, which count"));
  CHECK_THROWS_WITH(kept("N,D,loss", {.where = {"N=5"}, .tokens_unit = "B"}),
                    has_text("none of 4 rows has N=5"));
}

TEST_CASE("Columns, weights, clusters and stages become points") {
  DataFileOptions options = named();
  options.params = "size";
  options.tokens = "tokens";
  options.loss = "val";
  options.weight = "w";
  options.cluster = "run";
  options.stage = "how";
  const DataFile file = parse_data(
      "run,how,size,tokens,val,w\na,scratch,1e8,2e9,3.5,1\nb,continued,1e8,2e9,3.25,2\n"
      "a,scratch,2e8,2e9,3.4,1\n",
      options);
  REQUIRE(file.points.size() == 3);
  CHECK(file.points[1].params == 1e8);
  CHECK(file.points[1].loss == 3.25);
  CHECK(file.points[1].weight == 2);
  CHECK(file.points[1].stage == Stage::kContinued);
  CHECK(file.points[0].cluster == file.points[2].cluster);
  CHECK(file.points[0].cluster != file.points[1].cluster);
  CHECK(file.clusters == std::vector<std::string>{"a", "b"});
  CHECK(file.rows == 3);
}

TEST_CASE("Filters keep rows by text and by number, and all of them must hold") {
  const char* text = "N,D,loss,set\n1,10,3,a\n2,20,3,b\n3,30,3,a\n4,40,3,a\n";
  const auto count = [&](std::vector<std::string> where) {
    return parse_data(text, named(std::move(where))).points.size();
  };
  CHECK(count({}) == 4);
  CHECK(count({"set=a"}) == 3);
  CHECK(count({"set!=a"}) == 1);
  CHECK(count({"N=2.0"}) == 1);
  CHECK(count({"N<3"}) == 2);
  CHECK(count({"N<=3"}) == 3);
  CHECK(count({"D>=30", "set=a"}) == 2);
  CHECK(count({"D>30"}) == 1);
  CHECK(count({"D > 0.03K"}) == 1);
}

TEST_CASE("Rows without a value are refused, or left out and counted") {
  const char* text = "N,D,loss\n1e8,1e9,3\n1e8,1e9,nan\n2e8,1e9,\n3e8,inf,2.9\n4e8,2e9,2.8\n";
  CHECK_THROWS_WITH(parse_data(text, named()), has_text("line 3: column 'loss'") &&
                                                   has_text("--drop-missing") &&
                                                   has_text("3 of 5 rows"));
  DataFileOptions options = named();
  options.drop_missing = true;
  const DataFile file = parse_data(text, options);
  CHECK(file.points.size() == 2);
  CHECK(file.record_rows == std::vector<std::size_t>{0, 4});
  CHECK_THAT(file.notes.back(), has_text("lines 3, 4, 5: 3 of 5 rows"));
  CHECK_THROWS_WITH(parse_data("N,D,loss\n1e8,1e9,\n", options), has_text("each of 1 rows"));
}

TEST_CASE("Rows that the filter drops need not be good") {
  const char* text = "N,D,loss\n1e8,1e9,3\n1e8,1e9,nan\n1e8,1e9,\n";
  CHECK(parse_data(text, named({"loss!=nan", "loss!="})).points.size() == 1);
  CHECK_THROWS_WITH(parse_data(text, named()), has_text("line 3: column 'loss'"));
}

TEST_CASE("Values that a law cannot take are refused with line and column") {
  CHECK_THROWS_WITH(parse_data("N,D,loss\n1e8,1e9,3\n0,1e9,3\n", named()),
                    has_text("f.csv, line 3: column 'N' is 0, expected a number above 0"));
  CHECK_THROWS_WITH(parse_data("N,D,loss\n1e8,-5,3\n", named()), has_text("column 'D' is -5"));
  DataFileOptions options = named();
  options.params = "a+b";
  CHECK_THROWS_WITH(parse_data("a,b,D,loss\n1e308,1e308,1e9,3\n", options),
                    has_text("line 2: the sum of 2 columns is beyond a double"));
  options = named();
  options.stage = "how";
  CHECK_THROWS_WITH(parse_data("N,D,loss,how\n1,2,3,warm\n", options),
                    has_text("expected scratch or continued"));
}

TEST_CASE("Bad filters are refused") {
  const char* text = "N,D,loss\n1e8,1e9,3\n";
  CHECK_THROWS_WITH(parse_data(text, named({"loss"})), has_text("is not COLUMN=VALUE"));
  CHECK_THROWS_WITH(parse_data(text, named({"=3"})), has_text("is not COLUMN=VALUE"));
  CHECK_THROWS_WITH(parse_data(text, named({"set=a"})), has_text("no column 'set'"));
  CHECK_THROWS_WITH(parse_data(text, named({"N=7"})), has_text("none of 1 rows has N=7"));
}

TEST_CASE("Published files are read whole") {
  DataFileOptions options;
  options.path = planted::data_path("chinchilla_epoch.csv");
  const DataFile file = read_data_file(options);
  CHECK(file.points.size() == 245);
  CHECK(file.format == "csv");
  CHECK(file.fingerprint.size() == 16);
  CHECK(file.points[0].params == 6795600349.29);
  options.path = planted::data_path("gadre_104.csv");
  options.cluster = "dataset";
  CHECK(read_data_file(options).clusters.size() == 3);
}

TEST_CASE("Unique and base tokens are counted as the tokens are, unless their header says more") {
  DataFileOptions options;
  options.tokens_unit = "B";
  options.unique = "fresh";
  options.base_tokens = "seen";
  const Point both = parse_data("N,D,fresh,seen,loss\n1e8,4,2,30,3\n", options).points[0];
  CHECK(both.tokens == 4e9);
  CHECK(both.unique_tokens == 2e9);
  CHECK(both.base_tokens == 3e10);
  options.unique = "fresh (M)";
  const DataFile own = parse_data("N,D,fresh (M),seen,loss\n1e8,4,2000,30,3\n", options);
  CHECK(own.points[0].unique_tokens == 2e9);
  options.tokens_unit = "per-param";
  options.unique.clear();
  CHECK(parse_data("N,D,seen,loss\n1e8,20,3e10,3\n", options).points[0].base_tokens == 3e10);
}
