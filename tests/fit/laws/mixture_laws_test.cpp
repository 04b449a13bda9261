// Laws of mixtures, replay and base budgets: formulas by hand, planted truths recovered.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <functional>

#include "fit/data/data_file.h"
#include "fit/data/records.h"
#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// Sizes times tokens; `fill` gives the further columns of the k-th copy of a point.
Points grid(int copies, const std::function<void(Point&, int)>& fill) {
  Points out;
  for (double params = 2e7; params < 4e9; params *= 3) {
    for (const double ratio : {2.0, 10.0, 60.0, 300.0}) {
      for (int k = 0; k < copies; ++k) {
        Point point;
        point.params = params;
        point.tokens = ratio * params;
        fill(point, k);
        out.push_back(point);
      }
    }
  }
  return out;
}

void check_recovered(const Law& law, const std::vector<double>& truth, Points points) {
  const Theta theta = theta_from_values(law, truth);
  for (Point& each : points) {
    each.loss = 1;
    each.loss = predicted_loss(law, theta, each);
  }
  FitOptions options;
  options.law = law.name;
  options.draws = 0;
  const FitResult fit = fit_law(points, options);
  CHECK(fit.converged);
  CHECK(fit.identifiable);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    INFO(law.name << " " << law.coefficients[i].name);
    CHECK(fit.coefficients[i].value == Approx(truth[i]).epsilon(1e-5));
  }
}

// Rows as they stand: shares are no token counts, and the reader of files would doubt them.
Points mixture_points(const DataFileOptions& file) {
  const Records records = parse_records(read_text(file.path), file.path, {});
  Points out;
  for (std::size_t row = 0; row < records.rows.size(); ++row) {
    Point point;
    point.params = number_in(records, row, records.column(file.params));
    point.target_share = number_in(records, row, records.column(file.ratio));
    point.tokens = point.target_share;
    point.loss = number_in(records, row, records.column(file.loss));
    if (point.target_share > 0) out.push_back(point);
  }
  return out;
}

constexpr std::array kShares = {0.05, 0.2, 0.5, 1.0};

void share(Point& point, int k) { point.target_share = kShares[static_cast<std::size_t>(k)]; }

}  // namespace

TEST_CASE("Laws of mixtures and base budgets predict what their formulas say") {
  Point point;
  point.params = 3e8;
  point.tokens = 7e9;
  point.loss = 1;
  point.target_share = 0.3;
  point.base_tokens = 4e10;
  point.loss_before = 2.5;
  point.unique_tokens = 5e8;
  const auto at = [&](const Law& law, const std::vector<double>& values) {
    return predicted_loss(law, theta_from_values(law, values), point);
  };
  const double size = 400 / std::pow(3e8, 0.34);
  const double effective = 0.3 * 7e9 + 0.15 * 0.7 * 7e9;
  CHECK(at(effective_data_law(), {1.6, 400, 0.34, 500, 0.28, 0.05, 0.15}) ==
        Approx(1.6 + size + 500 / (std::pow(effective, 0.28) * std::pow(3e8, 0.05))));
  const double worth = 5e8 + 5e8 * 6 * (1 - std::exp(-(0.3 * 7e9 / 5e8 - 1) / 6));
  CHECK(
      at(effective_data_repeats_law(), {1.6, 400, 0.34, 500, 0.28, 0.05, 0.15, 6}) ==
      Approx(1.6 + size + 500 / (std::pow(worth + 0.15 * 0.7 * 7e9, 0.28) * std::pow(3e8, 0.05))));
  CHECK(at(d_cpt_law(), {1.6, 400, 0.34, 500, 0.28, 0.4, 0.2, 0.9, 0.1}) ==
        Approx(1.6 + size + 500 * std::pow(0.3, 0.4) / std::pow(7e9, 0.28) +
               0.2 / std::pow(0.4, 0.9)));
  CHECK(at(forgetting_law(), {-0.1, 2, 0.3, 40, 0.25}) ==
        Approx(2.5 - 0.1 + 2 * std::pow(7e9, 0.25) / std::pow((1 + 40 * 0.7) * 3e8, 0.3)));
  CHECK(
      at(base_budget_law(), {1.6, 400, 0.34, 500, 0.2, 0.05, 0.1}) ==
      Approx(1.6 + size + 500 / (std::pow(7e9, 0.2) * std::pow(3e8, 0.05) * std::pow(4e10, 0.1))));
  CHECK(at(base_interaction_law(), {1.6, 400, 0.34, 500, 0.4, 0.2, 0.004}) ==
        Approx(1.6 + size +
               500 * std::pow(7e9, -0.4 + 0.004 * std::log(4e10)) / std::pow(4e10, 0.2)));
}

TEST_CASE("The worth of other text is recovered, with and without repeats") {
  check_recovered(effective_data_law(), {1.7, 420, 0.35, 600, 0.3, 0.05, 0.14}, grid(4, share));
  const auto repeats = [](Point& point, int k) {
    share(point, k % 4);
    point.unique_tokens = k < 4 ? point.tokens : 2e9;
  };
  check_recovered(effective_data_repeats_law(), {1.7, 420, 0.35, 600, 0.3, 0.05, 0.14, 9},
                  grid(8, repeats));
}

TEST_CASE("The D-CPT law is recovered") {
  check_recovered(d_cpt_law(), {1.5, 420, 0.35, 600, 0.3, 0.3, 0.15, 0.8, 0.06}, grid(4, share));
}

TEST_CASE("What is forgotten is recovered, with an offset of either sign") {
  const auto replay = [](Point& point, int k) {
    point.target_share = 1 - std::array{0.0, 0.01, 0.05, 0.3}[static_cast<std::size_t>(k)];
    point.loss_before = 1.9 + 60 / std::pow(point.params, 0.25);
  };
  for (const double offset : {-0.04, 0.08})
    check_recovered(forgetting_law(), {offset, 3.0, 0.32, 55, 0.2}, grid(4, replay));
}

TEST_CASE("The worth of a base budget is recovered, and how both budgets interact") {
  const auto base = [](Point& point, int k) {
    point.base_tokens = 20 * point.params * (1 << 2 * k);
  };
  check_recovered(base_budget_law(), {1.7, 420, 0.35, 600, 0.2, 0.05, 0.1}, grid(3, base));
  check_recovered(base_interaction_law(), {1.7, 420, 0.35, 600, 0.4, 0.25, 0.004}, grid(3, base));
}

TEST_CASE("Base tokens that follow N are told apart from nothing") {
  Points points = grid(1, [](Point& point, int) { point.base_tokens = 20 * point.params; });
  const Law& law = base_budget_law();
  const Theta theta = theta_from_values(law, std::vector{1.7, 420.0, 0.35, 600.0, 0.2, 0.05, 0.1});
  for (Point& each : points) {
    each.loss = 1;
    each.loss = predicted_loss(law, theta, each);
  }
  FitOptions options;
  options.law = "base-budget";
  options.draws = 0;
  const FitResult fit = fit_law(points, options);
  CHECK_FALSE(fit.coefficient("delta").identifiable);
  CHECK_THAT(fit.coefficient("delta").verdict.reason, has_text("D1 follows N"));
}

// ScaleBench's training half: five domains, four sizes, 20 mixtures, one budget, so that D says
// nothing and only shares and sizes do. On 2,446 runs of another table, of several budgets, the
// errors are 2.38, 1.71 and 1.66 %. Here, from 64 starts, they are 0.98, 0.96 and 0.91 % on
// average; that the last two differ hangs on one domain, that both beat the first does not.
TEST_CASE("Laws that know what other text is worth err less than target tokens alone") {
  std::array<double, 3> error{};
  for (int domain = 1; domain <= 5; ++domain) {
    DataFileOptions file;
    file.path = planted::data_path("scalebench_domain_mixture_train.csv");
    file.params = "group";  // 70M to 410M
    file.ratio = fmt::format("proportion_domain_{}", domain);
    file.loss = fmt::format("loss_domain_{}", domain);
    Points train, test;
    for (Point each : crosslaw::tests::some(mixture_points(file)))
      (each.params < 4e8 ? train : test).push_back(each);
    for (std::size_t k = 0; k < error.size(); ++k) {
      FitOptions options;
      options.law = std::array{"chinchilla", "effective-data", "d-cpt"}[k];
      options.draws = 0;
      options.starts = 8;
      const auto seen = [k](Points points) {
        // Target tokens alone are D = r; the others know the whole, which is the same for all.
        for (Point& each : points) each.tokens = k == 0 ? each.tokens : 1;
        return points;
      };
      const FitResult fit = fit_law(seen(train), options);
      for (const Point& each : seen(test)) {
        const double miss = predicted_loss(*fit.law, fit.theta, each) / each.loss - 1;
        error[k] += std::abs(miss) / static_cast<double>(5 * test.size());
      }
    }
  }
  INFO(fmt::format("{:.5f} {:.5f} {:.5f}", error[0], error[1], error[2]));
  CHECK(error[0] == Approx(0.0098).epsilon(0.01));
  CHECK(error[1] < error[0]);
  CHECK(error[2] < error[0]);
}
