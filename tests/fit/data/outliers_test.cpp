#include "fit/data/outliers.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "fit/data/data_file.h"
#include "fit/solve/random.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

using Change = std::function<void(int, double&, double&, double&)>;  // of row i: N, D, loss

// 30 runs by a planted law, with noise of 0.3 %, on lines 2 to 31.
DataFile runs(const Change& change, DataFileOptions options = {}) {
  std::string text = "N,D,loss\n";
  Random random(7, 1);
  int i = 0;
  for (const double size : {6e7, 1.5e8, 3e8, 7e8, 1.4e9, 3e9}) {
    for (const double ratio : {6.0, 12.0, 25.0, 50.0, 100.0}) {
      double n = size, d = size * ratio;
      double loss = planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
                    planted::kB * std::pow(d, -planted::kBeta);
      loss *= 1 + 0.003 * (random.index(2001) / 1000.0 - 1);
      change(i++, n, d, loss);
      text += fmt::format("{:.9g},{:.9g},{:.9g}\n", n, d, loss);
    }
  }
  options.path = "f.csv";
  return parse_data(text, options);
}

std::string doubted(const DataFile& file) {
  std::string out;
  for (const Doubt& each : file.doubts) out += each.sentence + "\n";
  return out;
}

}  // namespace

TEST_CASE("Runs on one surface raise no doubt") {
  CHECK(doubted(runs([](int, double&, double&, double&) {})).empty());
}

TEST_CASE("A loss far below the others is named like one above") {
  const std::string low = doubted(runs([](int i, double&, double&, double& loss) {
    if (i == 11) loss *= 0.7;
  }));
  CHECK_THAT(low, has_text("line 13: losses up to 30 % below"));
  const std::string high = doubted(runs([](int i, double&, double&, double& loss) {
    if (i == 20 || i == 4) loss *= 1.25;
  }));
  CHECK_THAT(high, has_text("lines 6, 22: losses up to 25 % above"));
}

TEST_CASE("One N or D in another unit is named, with the factor that mends it") {
  CHECK_THAT(doubted(runs([](int i, double& n, double&, double&) {
               if (i == 12) n /= 1000;
             })),
             has_text("line 14: ") && has_text("times 1000"));
  CHECK_THAT(doubted(runs([](int i, double&, double& d, double&) {
               if (i == 2) d *= 1000;
             })),
             has_text("line 4: ") && has_text("D times 0.001"));
}

TEST_CASE("A column of counts in two units is refused with the lines of the fewer") {
  const auto large_in_millions = [](int i, double& n, double&, double&) {
    if (i >= 20) n /= 1e6;
  };
  const DataFile file = runs(large_in_millions);
  REQUIRE(!file.doubts.empty());
  CHECK(file.doubts[0].grave);
  CHECK_THAT(file.doubts[0].sentence, has_text("column 'N': lines 22, 23") && has_text("1e+06") &&
                                          has_text("--params-unit 1"));
  DataFileOptions options;
  options.params_unit = "1";
  for (const Doubt& each : runs(large_in_millions, options).doubts) CHECK_FALSE(each.grave);
}

TEST_CASE("Losses in bits among those in nats are told as such") {
  CHECK_THAT(doubted(runs([](int i, double&, double&, double& loss) {
               if (i % 4 == 1) loss /= std::numbers::ln2;
             })),
             has_text("44 % above") && has_text("in bits"));
}

TEST_CASE("A wide gap between sizes is none between units where the losses agree") {
  std::string text = "N,D,loss\n";
  for (const double n : {1e6, 2e6, 4e6, 1e9, 2e9, 4e9}) {
    for (const double ratio : {10.0, 20.0, 40.0}) {
      text += fmt::format("{},{},{:.9g}\n", n, n * ratio,
                          planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
                              planted::kB * std::pow(n * ratio, -planted::kBeta));
    }
  }
  DataFileOptions options;
  options.path = "f.csv";
  for (const Doubt& each : parse_data(text, options).doubts) CHECK_FALSE(each.grave);
}

TEST_CASE("Few points and published ones are not far off") {
  CHECK(far_off({{1e8, 1e9, 3}, {2e8, 1e9, 30}}).empty());
  for (const std::string& key : planted::reference_keys()) {
    INFO(key);
    CHECK(far_off(planted::reference_points(key)).empty());
  }
}

TEST_CASE("Continued models on one ray, and repeats, lie off no surface of other runs") {
  const auto loss = [](double n, double d) {
    return planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
           planted::kB * std::pow(d, -planted::kBeta);
  };
  Points points;
  for (const double n : {1e8, 2e8, 4e8, 8e8, 1.6e9}) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0}) {
      points.push_back({n, n * ratio, loss(n, n * ratio)});
    }
    points.push_back({n, n * 20, 0.83 * loss(n, n * 20)});
    points.back().stage = Stage::kContinued;
  }
  CHECK(far_off(points).empty());
  // A row from scratch that diverged is still one.
  points.front().loss *= 2;
  CHECK(far_off(points) == std::vector<std::size_t>{0});
  points.front().loss /= 2;
  points[1].loss *= 1.5;
  points[1].unique_tokens = points[1].tokens / 300;
  CHECK(far_off(points).empty());
}
