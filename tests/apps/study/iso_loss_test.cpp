#include "apps/study/iso_loss.h"

#include <cmath>

#include "apps/study/allocation_choices.h"
#include "fit/solve/strategies.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::planted_demo;

namespace {

// The same fits as if they had been made on the measured compute of the runs.
PairFits on_exact_flops(PairFits fits) {
  const fit::Points points =
      planted_demo().observations.points(fits.pair, PointChoice::kAuto, true);
  for (NamedFit& named : fits.fits) {
    named.fit.compute = fit::fit_compute(points);
    named.fit.measured_range->flops = fit::coverage(points).flops;
  }
  return fits;
}

// Twice the area of a closed outline on log axes; above 0 when it runs against the clock.
double area_of(const std::vector<SizeAndCompute>& outline) {
  double area = 0;
  for (std::size_t i = 0; i + 1 < outline.size(); ++i) {
    area += std::log(outline[i].flops) * std::log(outline[i + 1].params) -
            std::log(outline[i + 1].flops) * std::log(outline[i].params);
  }
  return area;
}

bool is_inside(const std::vector<SizeAndCompute>& outline, double flops, double params) {
  for (std::size_t i = 0; i + 1 < outline.size(); ++i) {
    const double x = std::log(outline[i].flops), y = std::log(outline[i].params);
    const double cross = (std::log(outline[i + 1].flops) - x) * (std::log(params) - y) -
                         (std::log(outline[i + 1].params) - y) * (std::log(flops) - x);
    if (cross < -1e-9) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("Grid, frontier and outline count compute as the fit does") {
  for (const bool exact : {false, true}) {
    INFO((exact ? "exact" : "6ND"));
    const PairFits fits = exact ? on_exact_flops(planted_demo().fits[0]) : planted_demo().fits[0];
    const IsoLoss figure = iso_loss(planted_demo().observations, fits);
    CHECK(figure.compute == (exact ? ComputeCount::kExact : ComputeCount::kSixNd));
    REQUIRE(figure.surfaces.size() == 2);
    const fit::Points points =
        fit::select_stage(planted_demo().observations.points(fits.pair, PointChoice::kAuto, exact),
                          fit::Stage::kScratch);
    const IsoLossSurface& surface = figure.surfaces[0];
    for (const fit::Point& p : tests::some(points))
      CHECK(is_inside(surface.measured, fit::training_flops(p), p.params));
    const fit::FitResult scratch = fit::strategy_fit(*fits.find(fits.choice.name), "scratch");
    const double per_token =
        scratch.compute.value_or(fit::ComputeModel{}).flops_per_token(surface.params[7]);
    CHECK(surface.loss[7][11] ==
          Approx(fit::predicted_loss(*scratch.law, scratch.theta, surface.params[7],
                                     surface.flops[11] / per_token)));
    fit::AllocationOptions options;
    options.flops = {surface.frontier[3].flops};
    CHECK(surface.frontier[3].params.value == fit::allocate(scratch, options).rows[0].params.value);
  }
}

TEST_CASE("The outline is closed, runs against the clock and has a measured run at each corner") {
  const PairFits& fits = planted_demo().fits[0];
  const IsoLoss figure = iso_loss(planted_demo().observations, fits);
  for (const IsoLossSurface& surface : tests::some(figure.surfaces)) {
    REQUIRE(surface.measured.size() > 3);
    CHECK(surface.measured.front().flops == surface.measured.back().flops);
    CHECK(surface.measured.front().params == surface.measured.back().params);
    CHECK(area_of(surface.measured) > 0);
    for (const SizeAndCompute& corner : surface.measured) {
      bool found = false;
      for (const fit::Point& p : planted_demo().observations.points(fits.pair, PointChoice::kAuto))
        found = found || (std::abs(p.params / corner.params - 1) < 1e-9 &&
                          std::abs(fit::training_flops(p) / corner.flops - 1) < 1e-9);
      CHECK(found);
    }
  }
}

TEST_CASE("Levels are round and stand between the least loss and most of the grid") {
  const IsoLoss figure = iso_loss(planted_demo().observations, planted_demo().fits[0]);
  const LossLevels& levels = figure.levels;
  const double mantissa = levels.step / std::pow(10, std::floor(std::log10(levels.step) + 1e-9));
  const bool round = mantissa == Approx(1) || mantissa == Approx(2) || mantissa == Approx(5);
  CHECK(round);
  CHECK(levels.start >= levels.low);
  CHECK(levels.start < levels.low + levels.step);
  const double lines = (levels.high - levels.start) / levels.step;
  CHECK(lines >= 4);
  CHECK(lines <= 14);
  for (const IsoLossSurface& surface : tests::some(figure.surfaces)) {
    for (const std::vector<double>& row : tests::some(surface.loss)) {
      for (const double loss : tests::some(row)) CHECK(loss >= levels.low);
    }
  }
}

TEST_CASE("Without a fit there is nothing to draw") {
  const IsoLoss figure =
      iso_loss(planted_demo().observations, {planted_demo().fits[0].pair, {}, {}});
  CHECK(figure.surfaces.empty());
}
