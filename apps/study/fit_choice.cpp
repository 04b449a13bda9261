#include "apps/study/fit_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "fit/evidence/holdout.h"

namespace crosslaw::apps {
namespace {

constexpr const char* kRule = "largest-compute";

const NamedFit* named(const std::vector<NamedFit>& fits, const std::string& name) {
  const auto found =
      std::find_if(fits.begin(), fits.end(), [&](const NamedFit& fit) { return fit.name == name; });
  return found == fits.end() ? nullptr : &*found;
}

FitChoice choice_of(const fit::Holdout& tested) {
  const fit::HeldOutLaw& best = tested.laws[tested.best];
  const fit::HeldOutLaw& other = tested.laws[1 - tested.best];
  const double error = 100 * best.mean_error, others = 100 * other.mean_error;
  return {
      best.law,
      fmt::format("held-out error {:.2g} % against {:.2g} % of {}{}", error, others, other.law,
                  other.beaten ? "" : ", which may be chance"),
      fmt::format("{:.2g} % {} {} {:.2g} %", error, other.beaten ? '<' : '~', other.law, others)};
}

FitChoice without_test(const std::string& name, const std::string& why) {
  return {name, why, fmt::format("({})", why)};
}

}  // namespace

FitChoice only_choice(const std::vector<NamedFit>& fits) {
  for (const char* name : {"two-stage", "joint", "scratch"}) {
    if (!named(fits, name)) continue;
    return without_test(name, fits.size() == 1 ? "the only fit" : "no held-out test");
  }
  if (fits.empty()) return {};
  return without_test(fits.front().name, "the only fit");
}

FitChoice choose_fit(const std::vector<NamedFit>& fits, const fit::FitOptions& settings) {
  const NamedFit* two_stage = named(fits, "two-stage");
  const NamedFit* joint = named(fits, "joint");
  if (!two_stage || !joint) return only_choice(fits);
  if (two_stage->fit.identifiable != joint->fit.identifiable) {
    const NamedFit* sound = joint->fit.identifiable ? joint : two_stage;
    return without_test(sound->name, "the other is not identifiable");
  }
  const fit::Points& points = joint->data.data.points;
  fit::HoldoutOptions options;
  options.fit = settings;
  options.laws = {"two-stage", "joint"};
  try {
    return choice_of(hold_out(points, fit::split_by_rule(points, kRule), options));
  } catch (const std::invalid_argument&) {
    // Too few budgets to train on some and predict the rest.
    return without_test("two-stage", "too few runs for a held-out test");
  }
}

}  // namespace crosslaw::apps
