#include "fit/laws/law_parts.h"

#include <algorithm>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

const std::vector<double> kJoint = {kE, kA, kAlpha, kB, kBeta, kContinuedB, kContinuedBeta, kGamma};

}  // namespace

TEST_CASE("A part of law joint predicts what the whole does at its stage") {
  const Theta theta = theta_from_values(joint_law(), kJoint);
  const std::vector<LawPart> parts = parts_of(joint_law());
  REQUIRE(parts.size() == 2);
  for (const LawPart& part : parts) {
    CHECK(predicted_loss(*part.law, part_theta(part, theta), 3e8, 7e9) ==
          Approx(predicted_loss(joint_law(), theta, 3e8, 7e9, *part.stage)).epsilon(1e-14));
  }
  CHECK(parts[0].strategy == "scratch");
  CHECK(parts[1].strategy == "continued");
}

TEST_CASE("Every law is the sum of its parts: they use all of its coefficients") {
  for (const std::string_view name : law_names()) {
    const Law& law = find_law(name);
    std::vector<bool> used(law.coefficients.size(), false);
    for (const LawPart& part : parts_of(law)) {
      REQUIRE(part.coefficients.size() == part.law->coefficients.size());
      for (std::size_t i = 0; i < part.coefficients.size(); ++i) {
        const auto place = static_cast<std::size_t>(part.coefficients[i]);
        CHECK(law.coefficients.at(place).kind == part.law->coefficients[i].kind);
        CHECK(law.coefficients.at(place).axis == part.law->coefficients[i].axis);
        used[place] = true;
      }
    }
    CHECK(std::all_of(used.begin(), used.end(), [](bool each) { return each; }));
  }
}

TEST_CASE("A law of one strategy is its own part, whatever the stage of a point") {
  for (const Stage stage : {Stage::kScratch, Stage::kContinued}) {
    const LawPart part = part_at(chinchilla_law(), stage);
    CHECK(part.law == &chinchilla_law());
    CHECK(part.strategy.empty());
    CHECK(describes(part, stage));
  }
  CHECK(part_at(joint_law(), Stage::kContinued).law == &extended_law());
}

TEST_CASE("Points go to the part that describes them, in their order") {
  const Points points = two_strategies();
  std::size_t all = 0;
  for (const LawPart& part : parts_of(joint_law())) {
    const std::vector<int> at = indices_of(part, points);
    const Points mine = points_of(part, points);
    REQUIRE(mine.size() == at.size());
    CHECK(std::is_sorted(at.begin(), at.end()));
    for (std::size_t i = 0; i < at.size(); ++i) {
      CHECK(mine[i].stage == *part.stage);
      CHECK(mine[i].loss == points[static_cast<std::size_t>(at[i])].loss);
    }
    all += mine.size();
  }
  CHECK(all == points.size());
  CHECK(points_of(whole_of(joint_law()), points).size() == points.size());
}
