#include "apps/study/fit_choice.h"

#include "fit/evidence/holdout.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

TEST_CASE("The fit that predicts held-out runs better answers, and the reason has the numbers") {
  const PairFits& fits = planted_demo().fits[0];
  fit::FitOptions settings;
  settings.starts = 16;
  settings.resampling = fit::Resampling::kClusters;
  const FitChoice choice = choose_fit(fits.fits, settings);
  const fit::Points& points = fits.named("joint")->data.data.points;
  fit::HoldoutOptions options;
  options.fit = settings;
  options.laws = {"two-stage", "joint"};
  const fit::Holdout tested =
      hold_out(points, fit::split_by_rule(points, "largest-compute"), options);
  CHECK(choice.name == tested.laws[tested.best].law);
  CHECK_THAT(choice.reason, has_text("held-out error") && has_text("against"));
  const bool beaten = tested.laws[1 - tested.best].beaten;
  CHECK((choice.reason.find("may be chance") == std::string::npos) == beaten);
  CHECK((choice.brief.find('<') != std::string::npos) == beaten);
}

TEST_CASE("A fit that is not identifiable is not taken where the other is") {
  std::vector<NamedFit> fits = planted_demo().fits[0].fits;
  for (NamedFit& named : fits) named.fit.identifiable = named.name != "joint";
  CHECK(choose_fit(fits, {}).name == "two-stage");
  for (NamedFit& named : fits) named.fit.identifiable = named.name == "joint";
  CHECK(choose_fit(fits, {}).name == "joint");
}

TEST_CASE(
    "Without continued runs the fit from scratch is the only one; without fits there is none") {
  const std::vector<NamedFit> scratch = {planted_demo().fits[0].fits[0]};
  CHECK(choose_fit(scratch, {}).name == "scratch");
  CHECK(choose_fit(scratch, {}).reason == "the only fit");
  CHECK(choose_fit({}, {}).name.empty());
}
