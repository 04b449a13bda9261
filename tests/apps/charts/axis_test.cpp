#include "apps/charts/axis.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

using namespace crosslaw::charts;

namespace {

std::vector<std::string> labels(const Axis& axis, int most = 7) {
  std::vector<std::string> out;
  for (const Tick& tick : ticks(axis, most)) {
    if (!tick.label.empty()) out.push_back(tick.label);
  }
  return out;
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("A log axis labels decades as counts or powers") {
  CHECK(labels({"", Scale::kLog, Numbers::kCount, 5e6, 2e11}) ==
        Labels{"10M", "100M", "1B", "10B", "100B"});
  CHECK(labels({"", Scale::kLog, Numbers::kPower, 1e18, 1e21}) ==
        Labels{"1e18", "3e18", "1e19", "3e19", "1e20", "3e20", "1e21"});
  CHECK(labels({"", Scale::kLog, Numbers::kPower, 1e18, 1e22}) ==
        Labels{"1e18", "1e19", "1e20", "1e21", "1e22"});
}

TEST_CASE("Less than a decade still gets at least two labels") {
  CHECK(labels({"", Scale::kLog, Numbers::kCount, 1.1e8, 1.9e8}) ==
        Labels{"120M", "140M", "160M", "180M"});
  CHECK(labels({"", Scale::kLog, Numbers::kPlain, 0.95, 6}) ==
        Labels{"1", "2", "3", "4", "5", "6"});
}

TEST_CASE("Linear ticks are round numbers with equal decimals") {
  CHECK(labels({"", Scale::kLinear, Numbers::kPlain, -1.05, 1.05}) ==
        Labels{"-1.0", "-0.5", "0.0", "0.5", "1.0"});
  CHECK(labels({"", Scale::kLinear, Numbers::kPlain, 0, 1.7e-5}) ==
        Labels{"0", "5e-6", "1e-5", "1.5e-5"});
}

TEST_CASE("Ticks lie inside the axis, ascend, and are at most as many as asked for") {
  for (const Scale scale : {Scale::kLinear, Scale::kLog}) {
    for (const double low : {1e-300, 1e-5, 0.3, 1.0, 7.7e7, 1e200}) {
      for (const double factor : {1 + 1e-7, 1.001, 1.3, 4.0, 1e3, 1e17, 1e99}) {
        const Axis axis{"", scale, Numbers::kPlain, low, low * factor};
        CAPTURE(low, factor, scale == Scale::kLog);
        double before = -std::numeric_limits<double>::infinity();
        int labelled = 0;
        for (const Tick& tick : crosslaw::tests::some(ticks(axis, 6))) {
          CHECK(tick.value >= axis.low);
          CHECK(tick.value <= axis.high);
          CHECK(tick.value > before);
          before = tick.value;
          labelled += !tick.label.empty();
        }
        CHECK(labelled >= 2);
        CHECK(labelled <= 6);
      }
    }
  }
}

TEST_CASE("An axis holds its values, with room around a single one") {
  const Axis wide = axis_over("", Scale::kLog, Numbers::kCount, {1e7, 1e10, -1, 0, NAN});
  CHECK(wide.low < 1e7);
  CHECK(wide.low > 1e6);
  CHECK(wide.high > 1e10);
  const Axis one = axis_over("", Scale::kLog, Numbers::kCount, {1e9});
  CHECK(one.low == Approx(5e8));
  CHECK(one.high == Approx(2e9));
  CHECK(axis_over("", Scale::kLinear, Numbers::kPlain, {0}).low == Approx(-0.5));
  const Axis none = axis_over("", Scale::kLog, Numbers::kPlain, {-3, INFINITY});
  CHECK(none.low == 1);
  CHECK(none.high == 10);
  for (const double huge : {5e-324, 1e308}) {
    for (const Scale scale : {Scale::kLinear, Scale::kLog}) {
      const Axis axis = axis_over("", scale, Numbers::kPlain, {huge, 1});
      CHECK(axis.low < axis.high);
      CHECK(std::isfinite(axis.high - axis.low));
    }
  }
}

TEST_CASE("A fraction is the inverse of a value, and NaN where there is no place") {
  const Axis axis{"", Scale::kLog, Numbers::kPlain, 10, 1e5};
  CHECK(fraction(axis, 100) == Approx(0.25));
  CHECK(value_at(axis, 0.25) == Approx(100));
  CHECK(std::isnan(fraction(axis, 0)));
  CHECK(std::isnan(fraction(axis, INFINITY)));
}

TEST_CASE("Numbers are written short") {
  CHECK(written(12345, Numbers::kPlain) == "12345");
  CHECK(written(0.03, Numbers::kPlain) == "0.03");
  CHECK(written(5.76e23, Numbers::kPower) == "5.76e23");
  CHECK(written(70e9, Numbers::kCount) == "70B");
  CHECK(written(999.96e6, Numbers::kCount) == "1B");
  CHECK(written(2e-9, Numbers::kPlain) == "2e-9");
}

TEST_CASE("Round numbers know their decimals") {
  const RoundNumbers levels = round_numbers(1.93, 3.4, 15);
  CHECK(levels.values.front() == Approx(2.0));
  CHECK(levels.values[1] == Approx(2.1));
  CHECK(levels.decimals == 1);
  CHECK(round_numbers(2, 2, 10).values.empty());
}
