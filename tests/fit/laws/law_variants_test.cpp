#include "fit/laws/law_variants.h"

#include <cmath>

#include "fit/laws/laws.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

constexpr double kMeanN = 18.3, kMeanD = 22.9;  // a centre, in logs

struct Case {
  const Law* law;
  std::vector<Constraint> constraints;
};

Constraint fixed(const char* name, double value) { return {name, value, ""}; }
Constraint tied(const char* name, const char* to) { return {name, std::nullopt, to}; }

std::vector<Case> cases() {
  return {{&chinchilla_law(), {fixed("E", 1.6)}},
          {&chinchilla_law(), {fixed("A", 406)}},
          {&chinchilla_law(), {tied("alpha", "beta")}},
          {&chinchilla_law(), {tied("B", "A"), fixed("alpha", 0.34)}},
          {&extended_law(), {fixed("gamma", 0), fixed("B", 410)}},
          {&joint_law(), {tied("beta_continued", "beta"), fixed("A", 300)}},
          {&outer_law(), {fixed("k", 0.7), tied("alpha", "beta")}},
          {&kaplan_law(), {fixed("A", 12)}}};
}

Theta typical_variant(const Law& law) {
  Theta theta(law.size());
  for (int i = 0; i < law.size(); ++i) {
    const auto& info = law.coefficients[static_cast<std::size_t>(i)];
    theta[i] = info.kind == Kind::kExponent ? 0.3 + 0.02 * i : -0.4 - 0.1 * i;
  }
  return theta;
}

std::vector<Sample> centred_samples() {
  std::vector<Sample> out;
  for (int i = 0; i < 9; ++i) {
    const Stage stage = i % 2 == 1 ? Stage::kContinued : Stage::kScratch;
    out.push_back(
        {-1.5 + 0.4 * i, 1.1 - 0.5 * i + 0.06 * i * i, 0.5 + 0.02 * i, 1 + 0.2 * i, stage});
  }
  return out;
}

}  // namespace

TEST_CASE("A constrained law predicts what the whole law says of its coefficients") {
  for (const Case& each : cases()) {
    INFO(each.law->name << " " << describe(each.constraints.front()));
    REQUIRE(problems(*each.law, each.constraints).empty());
    const ConstrainedLaw found = constrained(*each.law, each.constraints, kMeanN, kMeanD);
    CHECK(found.law.size() + each.constraints.size() == each.law->coefficients.size());
    const Theta centred = typical_variant(found.law);
    Theta plain = centred;
    found.law.shift(plain.data(), kMeanN, kMeanD);
    const Theta whole = found.whole(plain);
    for (Sample at : centred_samples()) {
      const double loss = found.law.log_loss(centred.data(), at, nullptr);
      at.log_params += kMeanN;
      at.log_tokens += kMeanD;
      CHECK(each.law->log_loss(whole.data(), at, nullptr) == Approx(loss).epsilon(1e-11));
    }
    for (const Constraint& c : each.constraints) {
      const int place = each.law->index(c.coefficient);
      const auto& info = each.law->coefficients[static_cast<std::size_t>(place)];
      if (c.value) {
        CHECK(coefficient_value(info, whole[place]) ==
              Approx(*c.value).epsilon(1e-12).margin(1e-15));
      } else {
        CHECK(whole[place] == Approx(whole[each.law->index(c.tied_to)]).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("The derivatives of a constrained law are those of finite differences") {
  constexpr double kStep = 1e-6;
  for (const Case& each : cases()) {
    INFO(each.law->name << " " << describe(each.constraints.front()));
    const ConstrainedLaw found = constrained(*each.law, each.constraints, kMeanN, kMeanD);
    const std::vector<Sample> samples = centred_samples();
    const Theta theta = typical_variant(found.law);
    Sums sums;
    found.law.accumulate(theta, samples, 0.1, sums);
    for (int j = 0; j < theta.size(); ++j) {
      Sums up, down;
      Theta at = theta;
      at[j] += kStep;
      found.law.accumulate(at, samples, 0.1, up);
      at[j] -= 2 * kStep;
      found.law.accumulate(at, samples, 0.1, down);
      CHECK(sums.gradient[j] ==
            Approx((up.objective - down.objective) / (2 * kStep)).epsilon(1e-5).margin(1e-8));
      for (int i = 0; i < theta.size(); ++i) {
        CHECK(sums.newton(i, j) ==
              Approx((up.gradient[i] - down.gradient[i]) / (2 * kStep)).epsilon(1e-4).margin(1e-6));
      }
    }
  }
}

TEST_CASE("Overestimates weigh as much more as asked, underestimates as before") {
  const Law heavy = overestimates_weighted(chinchilla_law(), 10);
  Theta theta(5);
  theta << 0.3, -0.5, 0.3, -0.4, 0.25;
  for (const Sample& each : centred_samples()) {
    Sums plain, weighted;
    const std::vector<Sample> one = {each};
    chinchilla_law().accumulate(theta, one, 1e-3, plain);
    heavy.accumulate(theta, one, 1e-3, weighted);
    const bool over = chinchilla_law().log_loss(theta.data(), each, nullptr) > each.log_loss;
    CHECK(weighted.objective == Approx((over ? 10 : 1) * plain.objective).epsilon(1e-13));
    CHECK(weighted.gradient[0] == Approx((over ? 10 : 1) * plain.gradient[0]).epsilon(1e-13));
  }
}

TEST_CASE("Constraints that say nothing, or what cannot be, are named") {
  const auto complaint = [](const Law& law, std::vector<Constraint> constraints) {
    const std::vector<std::string> found = problems(law, constraints);
    return found.empty() ? "" : found.front();
  };
  const Law& law = chinchilla_law();
  CHECK_THAT(complaint(law, {fixed("gamma", 0)}), has_text("no coefficient 'gamma'"));
  CHECK_THAT(complaint(law, {tied("alpha", "delta")}), has_text("no coefficient 'delta'"));
  CHECK_THAT(complaint(law, {fixed("E", 0)}), has_text("above 0"));
  CHECK_THAT(complaint(law, {fixed("alpha", NAN)}), has_text("finite"));
  CHECK_THAT(complaint(law, {tied("alpha", "B")}), has_text("exponent and a level"));
  CHECK_THAT(complaint(law, {tied("alpha", "alpha")}), has_text("says nothing"));
  CHECK_THAT(complaint(law, {fixed("E", 1), fixed("E", 2)}), has_text("twice"));
  CHECK_THAT(complaint(law, {tied("alpha", "beta"), fixed("beta", 0.3)}),
             has_text("constrained itself"));
  CHECK_THAT(complaint(law, {fixed("E", 1), fixed("A", 1), fixed("alpha", 1), fixed("B", 1),
                             fixed("beta", 1)}),
             has_text("left to be fitted"));
  CHECK(complaint(law, {tied("alpha", "beta"), fixed("E", 1.6)}).empty());
}
