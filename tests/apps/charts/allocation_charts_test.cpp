// The budgets of an allocation on the frontiers: apps/charts/frontier_charts.cpp.
#include <cmath>

#include "apps/charts/documents.h"
#include "apps/charts/fit_charts.h"
#include "fit/laws/laws.h"
#include "fit/solve/fitter.h"
#include "tests/apps/charts/well_formed.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::charts;

namespace {

fit::AllocationReport report_of(const fit::FitResult& fit, std::vector<double> flops) {
  fit::AllocationOptions options;
  options.flops = std::move(flops);
  return fit::report_allocation(fit, options);
}

fit::FitResult given(const fit::Law& law, std::vector<double> more = {}) {
  std::vector<double> values = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                planted::kBeta};
  values.insert(values.end(), more.begin(), more.end());
  return fit::from_values(law, values);
}

const Marks& budgets_of(const Panel& panel) { return panel.marks.back(); }

}  // namespace

TEST_CASE("Requested budgets are marked with N*, D*, D*/N* and the least loss") {
  const fit::FitResult fit = given(fit::chinchilla_law());
  const fit::AllocationReport report = report_of(fit, {1e20, 1e22});
  const std::vector<Panel> panels = allocation_panels(fit, report, {});
  REQUIRE(panels.size() == 4);
  const fit::AllocationRow& row = report.strategies[0].rows[1];
  CHECK(budgets_of(panels[0]).at[1].x == 1e22);
  CHECK(budgets_of(panels[0]).at[1].y == *row.params.value);
  CHECK(budgets_of(panels[1]).at[1].y == *row.tokens.value);
  CHECK(budgets_of(panels[2]).at[1].y == *row.tokens_per_param.value);
  CHECK(budgets_of(panels[3]).at[1].y == *row.loss.value);
  for (const Panel& panel : panels) {
    CHECK(panel.bands.empty());
    CHECK(panel.shades.empty());
    CHECK_THAT(panel.note, has_text("not known"));
    CHECK(fraction(panel.x, 1e20) > 0.02);
    CHECK(fraction(panel.x, 1e22) < 0.98);
  }
}

TEST_CASE("The flat band is drawn at each budget, in sizes and in tokens") {
  const fit::FitResult fit = given(fit::chinchilla_law());
  const fit::AllocationReport report = report_of(fit, {1e21});
  const fit::Range flat = *report.strategies[0].rows[0].flat;
  const std::vector<Panel> panels = allocation_panels(fit, report, {});
  REQUIRE(panels[0].whiskers.size() == 1);
  CHECK(panels[0].whiskers[0].name == "loss within 1 %");
  CHECK(panels[0].whiskers[0].bars[0].range.low == flat.low);
  CHECK(panels[0].whiskers[0].bars[0].range.high == flat.high);
  CHECK(panels[1].whiskers[0].bars[0].range.low == Approx(1e21 / 6 / flat.high));
  CHECK(panels[1].whiskers[0].bars[0].range.high == Approx(1e21 / 6 / flat.low));
  CHECK(panels[3].whiskers.empty());
}

TEST_CASE("Both strategies are drawn in their own colours") {
  const fit::FitResult fit =
      given(fit::joint_law(), {planted::kContinuedB, planted::kContinuedBeta, planted::kGamma});
  const std::vector<Panel> panels = allocation_panels(fit, report_of(fit, {1e20}), {});
  REQUIRE(panels[0].lines.size() == 4);
  CHECK(panels[0].lines[1].colour == colour::kVermilion);
  CHECK(panels[0].lines[3].colour == colour::kBlue);
  CHECK(panels[0].lines[1].name == "from scratch");
  CHECK(panels[0].lines[3].name == "continued");
}

TEST_CASE("Budgets beyond the measured compute are on shaded ground") {
  fit::FitOptions options;
  options.draws = 40;
  options.starts = 8;
  const fit::Points points = planted::reference_points("chinchilla_epoch_240");
  const fit::FitResult fit = fit::fit_law(points, options);
  const fit::AllocationReport report = report_of(fit, {1e20, 5.76e23});
  const std::vector<Panel> panels = allocation_panels(fit, report, points);
  REQUIRE(panels[0].shades.size() == 1);
  CHECK(panels[0].shades[0].x.low == fit.measured_range->flops.high);
  CHECK(panels[0].lines[0].at.back().x == Approx(2 * 5.76e23));
  const Whiskers& interval = panels[0].whiskers[1];
  CHECK(interval.bars[1].range.low == report.strategies[0].rows[1].params.ci95->low);
  CHECK(panels[0].marks[0].at.size() == 240);
}

TEST_CASE("Lines, marks and axis of one figure count compute in one way") {
  fit::Points points = planted::reference_points("chinchilla_epoch_240");
  for (fit::Point& p : points) p.flops = 40 * std::pow(p.params, 0.93) * p.tokens;
  fit::FitOptions options;
  options.draws = 0;
  options.starts = 8;
  const fit::FitResult fit = fit::fit_law(points, options);
  REQUIRE(fit.compute);
  for (const bool six_nd : {false, true}) {
    INFO((six_nd ? "6ND" : "counted FLOPs"));
    fit::AllocationOptions budgets;
    budgets.flops = {1e20, 1e22};
    budgets.six_nd = six_nd;
    const fit::AllocationReport report = fit::report_allocation(fit, budgets);
    const std::vector<Panel> panels = allocation_panels(fit, report, points);
    REQUIRE(panels.size() == 4);
    CHECK(panels[0].x.title == (six_nd ? "compute C = 6ND, FLOPs" : "compute C, counted FLOPs"));
    const auto flops_of = [&](double n, double d) {
      return six_nd ? 6 * n * d : 40 * std::pow(n, 0.93) * d;
    };
    // The same marks of measured models stand in the panels of N and of D.
    for (std::size_t i = 0; i < points.size(); ++i) {
      CHECK(panels[0].marks[0].at[i].x == Approx(flops_of(points[i].params, points[i].tokens)));
    }
    // So do N* and D* of the line.
    const std::vector<Spot>&params = panels[0].lines[0].at, &tokens = panels[1].lines[0].at;
    REQUIRE(params.size() == tokens.size());
    for (std::size_t i = 0; i < params.size(); ++i)
      CHECK(flops_of(params[i].y, tokens[i].y) == Approx(params[i].x));
    const fit::Range flat = *report.strategies[0].rows[0].flat;
    CHECK(panels[1].whiskers[0].bars[0].range.low == Approx(1e20 / flops_of(flat.high, 1)));
  }
}

TEST_CASE("A refused allocation has no panel") {
  fit::FitResult fit = given(fit::chinchilla_law());
  fit.identifiable = false;
  CHECK(allocation_panels(fit, report_of(fit, {1e20}), {}).empty());
}

TEST_CASE("The page of an allocation carries its table and its warnings") {
  const fit::FitResult fit =
      given(fit::joint_law(), {planted::kContinuedB, planted::kContinuedBeta, planted::kGamma});
  const Document document = allocation_document(fit, report_of(fit, {1e20}), {}, {});
  const std::string page = html_page(document);
  CHECK_THAT(page, has_text("<h2>Allocation</h2>") && has_text("<h2>What continuing saves</h2>") &&
                       has_text("given, not fitted") && !has_text("<script"));
}
