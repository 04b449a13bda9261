#include "fit/data/confounding.h"

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "fit/data/data_file.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

struct Design {
  std::vector<double> log_n, log_d;
  void add(double n, double d) {
    log_n.push_back(std::log(n));
    log_d.push_back(std::log(d));
  }
};

double between(std::mt19937& random, double low, double high) {
  return std::exp(std::uniform_real_distribution(std::log(low), std::log(high))(random));
}

int whole(std::mt19937& random, int low, int high) {
  return std::uniform_int_distribution(low, high)(random);
}

std::vector<double> sizes(std::mt19937& random, int count) {
  std::vector<double> out;
  double n = between(random, 1e6, 1e9);
  for (int i = 0; i < count; ++i, n *= between(random, 1.3, 3)) out.push_back(n);
  return out;
}

// Ratios, budgets or token counts for every size, or runs thrown at random.
Design sound(std::mt19937& random, int kind) {
  Design out;
  const std::vector<double> all = sizes(random, whole(random, 3, 10));
  const int levels = whole(random, 2, 5);
  const double first = between(random, 1, 40), step = between(random, 1.5, 6);
  for (const double n : all) {
    for (int k = 0; k < levels; ++k) {
      const double times = first * std::pow(step, k);
      if (kind == 0) out.add(n, times * n);
      if (kind == 1) out.add(n, times * 1e18 / (6 * n));
      if (kind == 2) out.add(n, times * 1e9);
      if (kind == 3) out.add(n * between(random, 0.5, 2), n * between(random, 1, 200));
    }
  }
  return out;
}

// A ray, one budget, or a budget a size; D is jittered by 1 to 5 %.
Design confounded(std::mt19937& random, int kind) {
  Design out;
  const int repeats = whole(random, 1, 3);
  const double noise = std::uniform_real_distribution(0.01, 0.05)(random);
  const double slope = std::uniform_real_distribution(0.4, 1.6)(random);
  const double level = between(random, 5, 200);
  std::normal_distribution<double> normal;
  for (const double n : sizes(random, whole(random, 4, 12))) {
    double d = level * n;
    if (kind == 1) d = 1e9 * level * std::pow(n / 1e8, slope);
    if (kind == 2) d = level * 1e18 / (6 * n);
    for (int k = 0; k < repeats; ++k) out.add(n, d * std::exp(noise * normal(random)));
  }
  return out;
}

int alarms(const std::function<Design(std::mt19937&, int)>& make, int kinds) {
  int out = 0;
  for (int seed = 0; seed < 100; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const Design design = make(random, seed % kinds);
    const bool alarm = ray_of(design.log_n, design.log_d).has_value();
    if (alarm) UNSCOPED_INFO("alarm at seed " << seed << ", kind " << seed % kinds);
    out += alarm ? 1 : 0;
  }
  return out;
}

}  // namespace

TEST_CASE("A hundred random sound designs raise no alarm") { CHECK(alarms(sound, 4) == 0); }

TEST_CASE("A hundred random confounded designs, D jittered by 1 to 5 %, all do") {
  CHECK(alarms(confounded, 3) == 100);
}

TEST_CASE("A ladder with a budget for each size is a ray, with a grid beside it none") {
  DataFileOptions file;
  file.path = planted::data_path("marin_delphi_midtraining.csv");
  file.params = "N";
  file.tokens = "D_cpt";
  file.loss = "loss_math_val";
  const auto ray = [&](const char* where) {
    file.where = {where};
    Design design;
    for (const Point& each : crosslaw::tests::some(read_data_file(file).points))
      design.add(each.params, each.tokens);
    return ray_of(design.log_n, design.log_d);
  };
  const auto ladder = ray("series=k020");
  REQUIRE(ladder);
  CHECK(ladder->sizes == 9);
  // By hand: log D = 1.54 log N + c through the nine pairs, residuals of 0.2.
  CHECK(ladder->slope == Approx(1.543).epsilon(0.01));
  CHECK(ladder->spread == Approx(0.22).margin(0.03));
  CHECK_THAT(describe(*ladder, "N", "D"), has_text("holds along this ray only"));
  CHECK_FALSE(ray("series=isotoken"));
  CHECK_FALSE(ray("loss_math_val>0"));
}

TEST_CASE("Tokens of before that follow N are named, D in another column is not") {
  DataFileOptions file;
  file.path = planted::data_path("marin_delphi_isotoken45.csv");
  file.tokens = "D_cpt";
  const DataFile read = read_data_file(file);
  const auto about = [&](const char* column) {
    int out = 0;
    for (const Doubt& each : crosslaw::tests::some(read.doubts))
      out += each.sentence.starts_with(std::string("'") + column) ? 1 : 0;
    return out;
  };
  CHECK(about("D_pre") == 1);
  CHECK(about("D_math") == 0);  // a share of D_cpt
  DataFileOptions olmo;
  olmo.path = planted::data_path("olmo_ladder_c4.csv");
  for (const Doubt& each : read_data_file(olmo).doubts)
    CHECK_THAT(each.sentence, !has_text("follows N"));
}

TEST_CASE("Columns that do not vary, and two sizes, have no ray") {
  Design constant, two;
  for (double n = 1e8; n < 1e10; n *= 2) constant.add(n, 1e10);
  two.add(1e8, 1e9);
  two.add(1e9, 1e10);
  CHECK_FALSE(ray_of(constant.log_n, constant.log_d));
  CHECK_FALSE(ray_of(two.log_n, two.log_d));
}
