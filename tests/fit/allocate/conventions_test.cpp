#include "fit/allocate/conventions.h"

#include <fmt/format.h>
#include <cmath>

#include "fit/laws/laws.h"
#include "fit/write/conventions_table.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

// Losses by a law of N, in a file that counts every model three ways.
std::string export_like(const Points& points) {
  std::string out =
      "size,params_embedding,params_unembedding,params_blocks,params_norms,N_hidden,n_layers,"
      "n_total,D,flops,loss\n";
  for (const Point& p : points) {
    const double embedding = 1000 * std::cbrt(p.params);
    out += fmt::format("s,{},0,{},{},{},{},{},{},{},{}\n", embedding, p.params, 10, p.params, 12,
                       p.params + embedding, p.tokens, 7 * std::pow(p.params, 0.99) * p.tokens,
                       p.loss);
  }
  return out;
}

Points truth() { return sweep(chinchilla_law(), {kE, kA, kAlpha, kB, kBeta}, 12, {3, 20, 100}); }

FitOptions quick() {
  FitOptions options;
  options.starts = 12;
  options.draws = 0;
  return options;
}

}  // namespace

TEST_CASE("Every way to count N is found, and numbers of layers or tokens are not among them") {
  DataFileOptions options;
  options.path = "export.csv";
  options.params = "N";
  const Records records = parse_records(export_like(truth()), "export.csv", {"D", "loss"});
  const std::vector<std::string> found = params_conventions(records, options);
  const std::vector<std::string> expected = {
      "params_embedding+params_unembedding+params_blocks+params_norms",
      "params_blocks+params_norms", "params_blocks", "N_hidden", "n_total"};
  CHECK(found == expected);
  options.path = data_path("gadre_104.csv");
  const Records gadre = parse_records(read_text(options.path), options.path, {"N", "D", "loss"});
  CHECK(params_conventions(gadre, options) == std::vector<std::string>{"N", "N_no_emb"});
}

TEST_CASE(
    "The convention of the planted law gets its exponents, and the spread is that of the rows") {
  const std::string text = export_like(truth());
  DataFileOptions file;
  file.path = "export.csv";
  file.compute = "flops";
  std::vector<CountedPoints> counted;
  for (const char* params :
       {"params_blocks", "params_embedding+params_unembedding+params_blocks+params_norms"}) {
    file.params = params;
    counted.push_back({params, parse_data(text, file).points});
  }
  AllocationOptions options;
  options.accept_unidentified = true;
  const ConventionReport report = compare_conventions(counted, quick(), options);
  REQUIRE(report.rows.size() == 4);  // two counts, each under 6ND and measured compute
  REQUIRE(report.flops.size() == 2);
  CHECK(report.flops[1] == Approx(10 * report.flops[0]));
  CHECK(report.rows[0].compute == "6ND");
  CHECK(report.rows[1].compute == "measured");
  CHECK(report.rows[0].alpha->value == Approx(kAlpha).epsilon(1e-4));
  CHECK(report.rows[0].beta->value == Approx(kBeta).epsilon(1e-4));
  CHECK(*report.rows[0].params_exponent.value == Approx(kBeta / (kAlpha + kBeta)).epsilon(1e-4));
  CHECK(*report.rows[1].params_exponent.value ==
        Approx(kBeta / (kAlpha + 0.99 * kBeta)).epsilon(1e-4));
  CHECK(std::abs(report.rows[2].alpha->value - kAlpha) > 1e-3);
  double least = 1e300, most = 0;
  for (const ConventionRow& row : report.rows) {
    const double tokens = *row.rows[1].tokens.value;
    least = std::min(least, tokens);
    most = std::max(most, tokens);
  }
  REQUIRE(report.spread.size() == 2);
  CHECK(report.spread[1].tokens_factor == Approx(most / least));
  CHECK(report.spread[1].tokens_factor > 1);
  CHECK_THAT(spread_text(report), has_text("the conventions move N* by"));
}

TEST_CASE("Every form of the comparison has a row for each convention and budget") {
  DataFileOptions file;
  file.path = data_path("gadre_104.csv");
  file.where = {"dataset=rpj"};
  std::vector<CountedPoints> counted;
  for (const char* params : {"N", "N_no_emb"}) {
    file.params = params;
    counted.push_back({params, read_data_file(file).points});
  }
  AllocationOptions options;
  options.flops = {1e19, 1e21};
  const ConventionReport report = compare_conventions(counted, quick(), options);
  const Table table = convention_table(report);
  REQUIRE(table.rows.size() == 2);
  for (const auto& row : table.rows) CHECK(row.size() == table.header.size());
  const Table csv = convention_csv(report);
  REQUIRE(csv.rows.size() == 4);
  for (const auto& row : csv.rows) CHECK(row.size() == csv.header.size());
  const nlohmann::ordered_json json = to_json(report);
  CHECK(json["conventions"].size() == 2);
  CHECK(json["conventions"][1]["rows"][1]["flops"] == 1e21);
  CHECK(json["spread"][0]["params_factor"] == report.spread[0].params_factor);
}

TEST_CASE("A convention that cannot be fitted says why and leaves the others alone") {
  std::vector<CountedPoints> counted = {{"good", truth()}, {"bad", {{1e8, 1e9, 3}}}};
  AllocationOptions options;
  options.flops = {1e20};
  const ConventionReport report = compare_conventions(counted, quick(), options);
  REQUIRE(report.rows.size() == 2);
  CHECK(report.rows[0].rows.size() == 1);
  CHECK(report.rows[1].rows.empty());
  CHECK_FALSE(report.rows[1].refused.empty());
  CHECK(report.spread.empty());
  CHECK(convention_table(report).rows.size() == 2);
}
