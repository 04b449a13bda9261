#include "fit/data/marginal_rows.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/data/data_file.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// Nine runs whose last line is given.
DataFile with_last(const std::string& header, const std::string& last, bool named = false) {
  std::string text = header + "\n";
  int run = 0;
  for (const double n : {1e8, 2e8, 4e8}) {
    for (const double d : {2e9, 4e9, 9e9}) {
      const double loss = 1.7 + 400 / std::pow(n, 0.34) + 410 / std::pow(d, 0.28);
      text += fmt::format("{},{},{:.9g}{}\n", n, d, loss, named ? fmt::format(",r{}", run++) : "");
    }
  }
  DataFileOptions options;
  options.path = "f.csv";
  return parse_data(text + last + "\n", options);
}

}  // namespace

TEST_CASE("Totals are known by their words, in several languages and with any punctuation") {
  for (const char* cell : {"Total", "SUM:", "avg.", "Mean ± std", "average over all runs", "[mean]",
                           "Gesamt", "Standardabweichung", "Summe", "Durchschnitt", "moyenne",
                           "Mean (28 runs)", "All", "grand total", "Σ", "平均"}) {
    INFO(cell);
    CHECK(names_total(cell));
  }
  for (const char* cell : {"", "28", "mean-pool-2", "max-lr", "a", "summary", "allenai", "run 7",
                           "meanfield", "of the"}) {
    INFO(cell);
    CHECK_FALSE(names_total(cell));
  }
}

TEST_CASE("A total is left out wherever its name stands") {
  const DataFile last = with_last("N,D,loss,run", "2.3e8,5e9,3.1,Summe", true);
  CHECK(last.points.size() == 9);
  CHECK_THAT(last.notes.at(0), has_text("line 11: 'Summe' in column 'run'"));
}

TEST_CASE("Settings that are called like totals are measurements") {
  const Records records = parse_records(
      "language,pool,N\nall,mean,1\nen,mean,2\nall,max,3\nfr,mean,4\nall,max,5\nde,mean,6\n",
      "f.csv", {});
  CHECK(records.rows.size() == 6);
}

TEST_CASE("A setting in the first column is told from totals by its numbers") {
  std::string runs = "pool,N,D,loss\n", blocks = runs;
  for (int i = 0; i < 12; ++i) {
    const double loss = 4 - 0.07 * i;
    runs += fmt::format("{},{}e7,{}e9,{}\n", i % 4 == 0 ? "mean" : "last", 3 + i, 5 + 2 * i, loss);
    blocks += fmt::format("s{},{}e7,5e9,{}\n", i, 3 + i / 3, loss);
    if (i % 3 == 2) blocks += fmt::format("mean,{}e7,5e9,{:.3f}\n", 3 + i / 3, loss + 0.07);
  }
  CHECK(parse_records(runs, "f.csv", {}).rows.size() == 12);
  CHECK(parse_records(blocks, "f.csv", {}).rows.size() == 12);
}

TEST_CASE("A last row of sums or means is left out though nothing names it") {
  const DataFile sums = with_last("N,D,loss", "2.1e9,4.5e10,");
  CHECK(sums.points.size() == 9);
  CHECK_THAT(sums.notes.at(0), has_text("line 11") && has_text("sum or the mean"));
  const double mean_loss = [] {
    double out = 0;
    for (const Point& point : with_last("N,D,loss", "8e8,1e10,2.7").points) out += point.loss;
    return (out - 2.7) / 9;
  }();
  const DataFile means =
      with_last("N,D,loss", fmt::format("{},{},{:.4f}", 2.1e9 / 9, 5e9, mean_loss));
  CHECK(means.points.size() == 9);
  CHECK(with_last("N,D,loss", fmt::format("{},{},2.9", 2.1e9 / 9, 5e9)).points.size() == 10);
}

TEST_CASE("What pandas' describe() writes under a table is left out whole") {
  std::string text = "run,N,D,loss\n";
  for (int i = 1; i <= 24; ++i) text += fmt::format("r{},{}e7,{}e9,{}\n", i, i, i * i, 4 - 0.1 * i);
  for (const char* name : {"count", "mean", "std", "min", "25%", "50%", "75%", "max"}) {
    text += fmt::format("{},5e7,1e9,3.5\n", name);
  }
  CHECK(parse_records(text, "f.csv", {}).rows.size() == 24);
}

TEST_CASE("Another header in the middle is refused with its line") {
  CHECK_THROWS_WITH(
      parse_records("run,N,D,loss\na,1e8,2e9,3\n\nrun,params,tokens,ppl\nb,2e8,4e9,20\n", "f.csv",
                    {}),
      has_text("f.csv, line 4: another header") && has_text("params, tokens"));
}
