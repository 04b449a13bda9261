#include "fit/data/run_names.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/data/data_file.h"
#include "fit/solve/random.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

double loss_of_end(double n, double d) {
  return planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
         planted::kB * std::pow(d, -planted::kBeta);
}

DataFile read_table(const std::string& text, DataFileOptions options = {}) {
  options.path = "f.csv";
  return parse_data(text, options);
}

// Four sizes, two budgets each, twelve losses of every run; in the middle `above` too high.
std::string curves(const std::string& column, double above) {
  std::string out = column.empty() ? "N,D,loss\n" : column + ",N,D,loss\n";
  int run = 0;
  for (const double n : {6e7, 2e8, 6e8, 2e9}) {
    for (const double ratio : {12.0, 58.0}) {
      for (int k = 1; k <= 12; ++k) {
        const double d = n * ratio * k / 12;
        const double loss = loss_of_end(n, d) * (1 + above * (1 - k / 12.0));
        if (!column.empty()) out += fmt::format("r{},", run);
        out += fmt::format("{},{},{:.9g}\n", n, d, loss);
      }
      ++run;
    }
  }
  return out;
}

std::string told(const DataFile& file) {
  std::string out;
  for (const Doubt& each : file.doubts) out += each.sentence + "\n";
  return out;
}

}  // namespace

TEST_CASE("Losses of a column of runs are points of one run without a flag") {
  const DataFile file = read_table(curves("run_id", 0));
  CHECK(file.used.cluster == "run_id");
  CHECK(file.clusters.size() == 8);
  CHECK(file.points[0].cluster == file.points[11].cluster);
  CHECK(file.points[0].cluster != file.points[12].cluster);
  CHECK_THAT(file.notes.back(), has_text("96 losses were read along 8 runs ('run_id')"));
  CHECK(told(file).empty());  // as of a constant learning rate
}

TEST_CASE("Losses in mid-schedule above the ends of shorter runs are doubted") {
  const std::string doubt = told(read_table(curves("run_id", 0.1)));
  CHECK_THAT(doubt, has_text("middle of runs lie ") && has_text("--best-of 'run_id'"));
  DataFileOptions options;
  options.best_of = {"run_id"};
  const DataFile ends = read_table(curves("run_id", 0.1), options);
  CHECK(ends.points.size() == 8);
  CHECK(told(ends).empty());
}

TEST_CASE("A name of models tells runs only where several have one size") {
  CHECK(read_table(curves("name", 0)).used.cluster == "name");
  std::string grid = "model,N,D,loss\n";
  for (const double n : {6e7, 2e8, 6e8, 2e9}) {
    for (const double ratio : {5, 10, 20, 40, 80}) {
      grid +=
          fmt::format("{:.0f}M,{},{},{:.9g}\n", n / 1e6, n, n * ratio, loss_of_end(n, n * ratio));
    }
  }
  CHECK(read_table(grid).used.cluster.empty());
  CHECK(read_table(grid).points[0].cluster == -1);
}

TEST_CASE("Rows of one N whose D grows by equal steps are one run though nothing names it") {
  const DataFile file = read_table(curves("", 0.1));
  CHECK(file.clusters.size() == 8);
  CHECK(file.points[23].cluster == 1);
  CHECK_THAT(told(file), has_text("middle of runs") && has_text("keep the last row"));
}

TEST_CASE("Weights, clusters and seeds by flag are left as they are") {
  DataFileOptions options;
  options.weight = "N";
  CHECK(read_table(curves("run", 0), options).points[0].cluster == -1);
  std::string seeds = "run,N,D,loss\n";
  for (const double n : {6e7, 2e8, 6e8}) {
    for (int seed = 0; seed < 3; ++seed) {
      seeds += fmt::format("{},{},2e10,{:.9g}\n", seed, n, loss_of_end(n, 2e10) + 0.001 * seed);
    }
  }
  CHECK(read_table(seeds).used.cluster.empty());
}
