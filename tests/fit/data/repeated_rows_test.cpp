#include "fit/data/repeated_rows.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/data/data_file.h"
#include "fit/solve/random.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

double planted_loss(double n, double d) {
  return planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
         planted::kB * std::pow(d, -planted::kBeta);
}

// 17 pairs of N and D, each trained at 11 learning rates and 10 batch sizes; off the best setting
// the loss rises by a parabola in both logarithms.
std::string grid_search() {
  std::string out = "N,D,lr,bs,loss\n";
  Random random(3, 1);
  for (int pair = 0; pair < 17; ++pair) {
    const double n = 6e7 * std::pow(1.9, pair % 6), d = 2e9 * std::pow(2.3, pair / 6);
    for (int i = 0; i < 11; ++i) {
      for (int j = 0; j < 10; ++j) {
        const double off = 0.01 * std::pow(i - 5, 2) + 0.004 * std::pow(j - 4, 2);
        const double noise = 1 + 0.0004 * (random.index(2001) / 1000.0 - 1);
        out += fmt::format("{},{},{:.3g},{},{:.9g}\n", n, d, 1e-4 * std::pow(2, i), 32 << j,
                           planted_loss(n, d) * std::exp(off) * noise);
      }
    }
  }
  return out;
}

DataFile parsed(const std::string& text, DataFileOptions options = {}) {
  options.path = "f.csv";
  return parse_data(text, options);
}

std::string doubts(const DataFile& file) {
  std::string out;
  for (const Doubt& each : file.doubts) out += each.sentence + "\n";
  return out;
}

std::string seeds(double noise) {
  std::string out = "N,D,seed,loss\n";
  Random random(5, 1);
  for (const double n : {5e7, 1e8, 2e8, 4e8, 8e8}) {
    for (const double ratio : {5.0, 20.0, 80.0}) {
      for (int seed = 1; seed <= 3; ++seed) {
        const double factor = 1 + noise * (random.index(2001) / 1000.0 - 1);
        out += fmt::format("{},{},{},{:.9g}\n", n, n * ratio, seed,
                           planted_loss(n, n * ratio) * factor);
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("All settings tried at each N and D are noticed, with the columns that vary") {
  const DataFile all = parsed(grid_search());
  CHECK(all.points.size() == 1870);
  CHECK_THAT(doubts(all), has_text("only 17 pairs of N and D") && has_text("lr, bs vary") &&
                              has_text("--best-of N,D"));
}

TEST_CASE("The best or the mean of rows that are equal in some columns is one point") {
  DataFileOptions options;
  options.best_of = {"N", "D"};
  const DataFile best = parsed(grid_search(), options);
  REQUIRE(best.points.size() == 17);
  CHECK(doubts(best).empty());
  CHECK(best.lines.size() == 17);
  for (const Point& point : best.points) {
    CHECK(point.loss == Approx(planted_loss(point.params, point.tokens)).epsilon(1e-3));
  }
  options.best_of.clear();
  options.mean_of = {"N", "D"};
  const DataFile mean = parsed("N,D,loss\n1e8,2e9,3\n1e8,2e9,3.5\n2e8,2e9,3\n", options);
  REQUIRE(mean.points.size() == 2);
  CHECK(mean.points[0].loss == 3.25);
  options.best_of = {"N"};
  CHECK_THROWS_WITH(parsed("N,D,loss\n1e8,2e9,3\n", options), has_text("exclude each other"));
  options.mean_of.clear();
  options.best_of = {"width"};
  CHECK_THROWS_WITH(parsed("N,D,loss\n1e8,2e9,3\n", options), has_text("no column 'width'"));
}

TEST_CASE("N and D name the columns in use, whatever those are called") {
  DataFileOptions options;
  options.best_of = {"N", "D"};
  const DataFile best =
      parsed("params,tokens,val_loss\n1e8,2e9,3.5\n1e8,2e9,3.25\n2e8,2e9,3\n", options);
  REQUIRE(best.points.size() == 2);
  CHECK(best.points[0].loss == 3.25);
  CHECK(best.lines[0] == 3);
}

TEST_CASE("Seeds are no settings") { CHECK(doubts(parsed(seeds(0.003))).empty()); }

TEST_CASE("Shares of a mixture and base budgets, once they are named, are no settings") {
  std::string text = "N,D,r,D1,loss\n";
  for (const double n : {5e7, 1e8, 2e8, 4e8, 8e8}) {
    for (const double ratio : {5.0, 20.0, 80.0}) {
      for (const double r : {0.1, 0.3, 1.0}) {
        text += fmt::format("{},{},{},{},{:.9g}\n", n, n * ratio, r, r * 1e10,
                            planted_loss(n, n * ratio * r));
      }
    }
  }
  CHECK_FALSE(doubts(parsed(text)).empty());  // as long as nobody says what r is
  DataFileOptions shares, bases;
  shares.ratio = "r";
  bases.base_tokens = "D1";
  CHECK(doubts(parsed(text, shares)).empty());
  CHECK(doubts(parsed(text, bases)).empty());
}

TEST_CASE("Equal rows count once, unless weights or clusters are named") {
  const std::string text = "N,D,w,run,loss\n1e8,2e9,1,a,3\n1e8,2e9,1,a,3\n2e8,2e9,1,b,2.5\n";
  const DataFile once = parsed(text);
  CHECK(once.points.size() == 2);
  CHECK_THAT(once.notes.back(), has_text("line 3: equal to an earlier row"));
  DataFileOptions options;
  options.cluster = "run";
  CHECK(parsed(text, options).points.size() == 3);
  options.cluster.clear();
  options.weight = "w";
  CHECK(parsed(text, options).points.size() == 3);
}

TEST_CASE(
    "Losses of runs that diverged are named with their lines, and the way to leave them out") {
  std::string text = seeds(0.003);
  for (int i = 0; i < 4; ++i) text += fmt::format("{}e8,{}e9,9,10.83\n", i + 1, 5 * (i + 1));
  const std::string said = doubts(parsed(text));
  CHECK_THAT(said, has_text("lines 47, 48, 49, 50") && has_text("--where 'loss<10.83'"));
  DataFileOptions options;
  options.where = {"loss<10.83"};
  CHECK(doubts(parsed(text, options)).empty());
}

TEST_CASE("Copies under another index count once, runs that agree by rounding do not") {
  const auto table = [](int copies, const char* digits) {
    std::string out = ",N,D,seed,loss\n";
    for (int copy = 0, row = 0; copy < copies; ++copy) {
      Random random(5, 1);
      for (const double n : {5e7, 1e8, 2e8, 4e8}) {
        for (const double ratio : {5.0, 20.0, 80.0}) {
          for (int seed = 1; seed <= 2; ++seed) {
            const double noise = 1 + 0.002 * (random.index(2001) / 1000.0 - 1);
            out += fmt::format("{},{}{},{},{},", row++, n, copy > 0 ? ".0" : "", n * ratio, seed);
            out += fmt::format(fmt::runtime(digits), planted_loss(n, n * ratio) * noise) + "\n";
          }
        }
      }
    }
    return out;
  };
  for (const char* digits : {"{:.9g}", "{:.4f}"}) {
    INFO(digits);
    const DataFile twice = parsed(table(2, digits));
    CHECK(twice.points.size() == 24);
    CHECK_THAT(twice.notes.back(), has_text("lines 26, 27") && has_text("copies"));
    CHECK(parsed(table(1, digits)).points.size() == 24);
  }
  CHECK(parsed(table(1, "{:.2f}")).points.size() == 24);
  DataFileOptions options;
  options.cluster = "seed";
  CHECK(parsed(table(2, "{:.9g}"), options).points.size() == 48);
}
