#include "fit/laws/law.h"

#include <cmath>
#include <stdexcept>

#include "fit/laws/law_variants.h"
#include "fit/laws/laws.h"
#include "fit/laws/straight_law.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// A theta in centred coordinates at which every term matters.
Theta typical(const Law& law) {
  Theta theta(law.size());
  for (int i = 0; i < law.size(); ++i) {
    theta[i] = law.coefficients[static_cast<std::size_t>(i)].kind == Kind::kExponent ? 0.31 : -0.4;
  }
  if (law.has("gamma")) theta[law.index("gamma")] = -0.17;
  return theta;
}

std::vector<Sample> some_samples() {
  std::vector<Sample> out;
  for (int i = 0; i < 12; ++i) {
    const double x = -2 + 0.37 * i, y = 1.5 - 0.61 * i + 0.05 * i * i;
    const Stage stage = i % 2 == 1 ? Stage::kContinued : Stage::kScratch;
    out.push_back({x, y, 0.6 + 0.03 * (i % 5), 1.0 + 0.25 * (i % 3), stage, i % 3 == 2 ? -0.7 : 0,
                   0.2 * (i % 6), 0.3 - 0.2 * i, 0.4 + 0.1 * (i % 4)});
  }
  return out;
}

struct LawAt {
  const Law* law;
  Theta theta;
};

// Every law, and the straight coordinates of those that have any, at the same curve.
std::vector<LawAt> every_law() {
  std::vector<LawAt> out;
  for (const std::string_view name : law_names()) {
    const Law& law = find_law(name);
    out.push_back({&law, typical(law)});
    const StraightLaw* straight = straight_of(law);
    if (straight == nullptr) continue;
    Theta moved = typical(law);
    REQUIRE(straight->straighten(moved.data()));
    out.push_back({straight->law, moved});
  }
  return out;
}

}  // namespace

TEST_CASE("Laws predict what their formulas say") {
  const double n = 3e8, d = 7e9;
  const double size = 406.4 / std::pow(n, 0.34);
  const double data = 410.7 / std::pow(d, 0.28);
  const Theta chinchilla = theta_from_values(chinchilla_law(), {{1.69, 406.4, 0.34, 410.7, 0.28}});
  CHECK(predicted_loss(chinchilla_law(), chinchilla, n, d) ==
        Approx(1.69 + size + data).epsilon(1e-13));
  const Theta extended =
      theta_from_values(extended_law(), {{1.69, 406.4, 0.34, 410.7, 0.28, -0.05}});
  CHECK(predicted_loss(extended_law(), extended, n, d) ==
        Approx(1.69 + size + data / std::pow(n, -0.05)).epsilon(1e-13));
  const Theta joint =
      theta_from_values(joint_law(), {{1.69, 406.4, 0.34, 410.7, 0.28, 200.0, 0.22, 0.07}});
  CHECK(predicted_loss(joint_law(), joint, n, d) == Approx(1.69 + size + data).epsilon(1e-13));
  CHECK(predicted_loss(joint_law(), joint, n, d, Stage::kContinued) ==
        Approx(1.69 + size + 200 / (std::pow(d, 0.22) * std::pow(n, 0.07))).epsilon(1e-13));
}

TEST_CASE("The outer exponent of one gives the chinchilla law") {
  const Theta outer = theta_from_values(outer_law(), {{1.69, 406.4, 0.34, 410.7, 0.28, 1.0}});
  const Theta plain = theta_from_values(chinchilla_law(), {{1.69, 406.4, 0.34, 410.7, 0.28}});
  CHECK(predicted_loss(outer_law(), outer, 3e8, 7e9) ==
        Approx(predicted_loss(chinchilla_law(), plain, 3e8, 7e9)).epsilon(1e-13));
  const Theta bent = theta_from_values(outer_law(), {{1.2, 5e4, 0.54, 6e7, 0.77, 0.41}});
  const double inside = 5e4 / std::pow(3e8, 0.54) + 6e7 / std::pow(7e9, 0.77);
  CHECK(predicted_loss(outer_law(), bent, 3e8, 7e9) ==
        Approx(1.2 + std::pow(inside, 0.41)).epsilon(1e-13));
}

TEST_CASE("The kaplan law is the joint form with its published constants") {
  const double alpha_n = 0.076, alpha_d = 0.103, n_c = 6.4e13, d_c = 1.8e13;  // Kaplan et al. 2020
  const Theta theta = theta_from_values(
      kaplan_law(), {{std::pow(n_c, alpha_n), alpha_n, std::pow(d_c, alpha_d), alpha_d}});
  const double n = 3e8, d = 7e9;
  const double published = std::pow(std::pow(n_c / n, alpha_n / alpha_d) + d_c / d, alpha_d);
  CHECK(predicted_loss(kaplan_law(), theta, n, d) == Approx(published).epsilon(1e-12));
  for (const DerivedInfo& each : crosslaw::tests::some(kaplan_law().derived)) {
    CHECK(each.value(theta) == Approx(each.name == "N_c" ? n_c : d_c).epsilon(1e-9));
  }
}

TEST_CASE("Repeated data are worth what the published form says") {
  const double e = 1.87, a = 521.0, alpha = 0.353, b = 1488.0, beta = 0.38, rd = 15.39, rn = 5.31;
  const Theta theta = theta_from_values(data_constrained_law(), {{e, a, alpha, b, beta, rd, rn}});
  const double n = 8.7e9, d = 178e9, unique = 25e9;
  const auto worth = [](double all, double part, double half) {
    return part + part * half * (1 - std::exp(-(all / part - 1) / half));
  };
  const double g = std::pow(alpha * a / (beta * b), 1 / (alpha + beta));
  const double optimal = std::min(std::pow(unique * g, beta / alpha) * g, n);
  REQUIRE(optimal < n);
  const double expected =
      e + a / std::pow(worth(n, optimal, rn), alpha) + b / std::pow(worth(d, unique, rd), beta);
  CHECK(predicted_loss(data_constrained_law(), theta, n, d, Stage::kScratch, unique) ==
        Approx(expected).epsilon(1e-12));
  const Theta plain = theta_from_values(chinchilla_law(), {{e, a, alpha, b, beta}});
  CHECK(predicted_loss(data_constrained_law(), theta, n, d) ==
        Approx(predicted_loss(chinchilla_law(), plain, n, d)).epsilon(1e-13));
}

TEST_CASE("First guesses split the loss at the origin as they are told to") {
  for (const std::string_view name : law_names()) {
    const Law& law = find_law(name);
    if (law.balance == nullptr) continue;
    Theta theta = typical(law);
    law.balance(theta.data(), 1.3, 0.4);
    const bool has_floor = law.coefficients[0].kind == Kind::kFloor;
    const double floor = has_floor ? std::exp(theta[0]) : 0;
    INFO(name);
    CHECK(std::exp(law.log_loss(theta.data(), {0, 0, 0, 1}, nullptr)) ==
          Approx(floor + 1.3).epsilon(1e-12));
  }
}

TEST_CASE("The gradient of every law equals finite differences") {
  for (const LawAt& each : every_law()) {
    const Law& law = *each.law;
    const Theta& theta = each.theta;
    for (const Sample& sample : crosslaw::tests::some(some_samples())) {
      Theta gradient(law.size());
      law.log_loss(theta.data(), sample, gradient.data());
      for (int i = 0; i < law.size(); ++i) {
        Theta up = theta, down = theta;
        up[i] += 1e-5;
        down[i] -= 1e-5;
        const double slope = (law.log_loss(up.data(), sample, nullptr) -
                              law.log_loss(down.data(), sample, nullptr)) /
                             2e-5;
        INFO(law.formula << " " << law.coefficients[static_cast<std::size_t>(i)].name);
        CHECK(gradient[i] == Approx(slope).margin(1e-9));
      }
    }
  }
}

TEST_CASE("Gradient and Hessian of the objective equal finite differences") {
  const std::vector<Sample> samples = some_samples();
  for (const LawAt& each : every_law()) {
    const Law& law = *each.law;
    const Theta& theta = each.theta;
    for (const double delta : {0.05, 1e9}) {
      Sums at, up, down;
      law.accumulate(theta, samples, delta, at);
      for (int i = 0; i < law.size(); ++i) {
        Theta moved = theta;
        moved[i] += 1e-6;
        law.accumulate(moved, samples, delta, up);
        moved[i] -= 2e-6;
        law.accumulate(moved, samples, delta, down);
        INFO(law.formula << " delta " << delta << " coordinate " << i);
        CHECK(at.gradient[i] == Approx((up.objective - down.objective) / 2e-6).margin(1e-8));
        for (int j = 0; j < law.size(); ++j) {
          const double second = (up.gradient[j] - down.gradient[j]) / 2e-6;
          CHECK(at.newton(i, j) == Approx(second).margin(1e-7));
        }
      }
    }
  }
}

TEST_CASE("Straight coordinates are those of the same curve, there and back") {
  for (const Law* law : {&chinchilla_law(), &extended_law(), &outer_law()}) {
    const StraightLaw& straight = *straight_of(*law);
    for (const double level : {-3.0, 0.5}) {
      Theta theta = typical(*law);
      theta[1] = level;
      if (law->has("k")) theta[5] = level < 0 ? 0.4 : 11;
      Theta moved = theta;
      REQUIRE(straight.straighten(moved.data()));
      for (const Sample& sample : crosslaw::tests::some(some_samples())) {
        CHECK(straight.law->log_loss(moved.data(), sample, nullptr) ==
              Approx(law->log_loss(theta.data(), sample, nullptr)).epsilon(1e-12).margin(1e-12));
      }
      straight.bend(moved.data());
      for (int i = 0; i < law->size(); ++i) CHECK(moved[i] == Approx(theta[i]).epsilon(1e-10));
      theta[2] = -0.1;  // a term that rises
      CHECK_FALSE(straight.straighten(theta.data()));
    }
  }
  CHECK(straight_of(joint_law()) == nullptr);
  CHECK(straight_of(overestimates_weighted(outer_law(), 3)) == nullptr);
}

TEST_CASE("With E = 0 one straight coordinate follows, and derivatives are by the others") {
  const std::vector<Sample> samples = some_samples();
  for (const Law* own : {&chinchilla_law(), &extended_law(), &outer_law()}) {
    const StraightLaw& straight = *straight_of(*own);
    const Law& law = *straight.without_floor;
    Theta theta = typical(*own);
    REQUIRE(straight.straighten(theta.data()));
    Theta plain = theta;
    follow(plain);
    straight.bend(plain.data());
    CHECK(std::exp(plain[0] - own->log_loss(plain.data(), samples[4], nullptr)) < 1e-12);
    CHECK(own->log_loss(plain.data(), samples[7], nullptr) ==
          Approx(law.log_loss(theta.data(), samples[7], nullptr)).epsilon(1e-10));
    Sums at, up, down;
    law.accumulate(theta, samples, 0.05, at);
    for (int i = 0; i < law.size(); ++i) {
      if (i == StraightLaw::kFollowing) continue;
      Theta moved = theta;
      moved[i] += 1e-6;
      law.accumulate(moved, samples, 0.05, up);
      moved[i] -= 2e-6;
      law.accumulate(moved, samples, 0.05, down);
      INFO(own->name << " coordinate " << i);
      CHECK(at.gradient[i] == Approx((up.objective - down.objective) / 2e-6).margin(1e-8));
      for (int j = 0; j < law.size(); ++j) {
        if (j == StraightLaw::kFollowing) continue;
        CHECK(at.newton(i, j) == Approx((up.gradient[j] - down.gradient[j]) / 2e-6).margin(1e-7));
      }
    }
  }
}

TEST_CASE("The majorizer is the Hessian plus the weight of the linear residuals") {
  const std::vector<Sample> samples = some_samples();
  const Law& law = extended_law();
  const Theta theta = typical(law);
  Sums all_quadratic, some_linear;
  law.accumulate(theta, samples, 1e9, all_quadratic);
  CHECK(all_quadratic.newton.isApprox(all_quadratic.majorizer, 1e-14));
  const double delta = 0.05;
  law.accumulate(theta, samples, delta, some_linear);
  Square expected = some_linear.newton;
  for (const Sample& sample : samples) {
    Theta g(law.size());
    const double r = law.log_loss(theta.data(), sample, g.data()) - sample.log_loss;
    if (std::abs(r) > delta) expected += sample.weight * delta / std::abs(r) * g * g.transpose();
  }
  CHECK(some_linear.majorizer.isApprox(expected, 1e-12));
}

TEST_CASE("Shifting the origin changes no prediction") {
  for (const std::string_view name : law_names()) {
    const Law& law = find_law(name);
    const Theta centred = typical(law);
    Theta plain = centred;
    const double dy = law.moves_tokens ? 23.25 : 0;
    law.shift(plain.data(), 19.5, dy);
    for (Sample sample : crosslaw::tests::some(some_samples())) {
      const double before = law.log_loss(centred.data(), sample, nullptr);
      sample.log_params += 19.5;
      sample.log_tokens += dy;
      CHECK(law.log_loss(plain.data(), sample, nullptr) == Approx(before).epsilon(1e-12));
    }
  }
}

TEST_CASE("The terms of a law add up to its prediction") {
  for (const std::string_view name : law_names()) {
    const Law& law = find_law(name);
    if (law.log_terms == nullptr) continue;
    const Theta theta = typical(law);
    int levels = 0;
    for (const CoefficientInfo& info : law.coefficients) levels += info.kind != Kind::kExponent;
    for (const Sample& sample : crosslaw::tests::some(some_samples())) {
      std::vector<double> terms(static_cast<std::size_t>(levels));
      law.log_terms(theta.data(), sample, terms.data());
      double sum = 0;
      for (const double term : terms) sum += std::exp(term);
      CHECK(std::log(sum) == Approx(law.log_loss(theta.data(), sample, nullptr)).epsilon(1e-13));
    }
  }
}

TEST_CASE("An unknown law or coefficient is refused with what is known") {
  CHECK_THROWS_WITH(find_law("chinchila"), has_text("chinchilla extended"));
  CHECK_THROWS_AS(chinchilla_law().index("gamma"), std::invalid_argument);
  CHECK_FALSE(chinchilla_law().has("gamma"));
}

TEST_CASE("Levels must be positive, exponents may be negative") {
  CHECK_THROWS_AS(theta_from_values(chinchilla_law(), {{1.7, -4.0, 0.3, 400.0, 0.3}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(theta_from_values(chinchilla_law(), {{1.7, 4.0}}), std::invalid_argument);
  const Theta theta = theta_from_values(extended_law(), {{1.7, 400.0, 0.3, 400.0, 0.3, -0.2}});
  CHECK(theta[5] == -0.2);
  CHECK(coefficient_value(extended_law().coefficients[1], theta[1]) == Approx(400.0));
}
