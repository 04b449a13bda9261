#include "apps/charts/fit_charts.h"

#include <algorithm>
#include <cmath>

#include "apps/charts/figure.h"
#include "fit/frontier/isoflop.h"
#include "fit/laws/laws.h"
#include "fit/laws/power_form.h"
#include "fit/solve/fitter.h"
#include "fit/solve/spread.h"
#include "tests/apps/charts/well_formed.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::charts;

namespace {

const std::vector<double> kPlanted = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                      planted::kBeta};

fit::Points noisy_sweep() {
  return planted::sweep(fit::chinchilla_law(), kPlanted, 8, {2, 8, 20, 60}, 0.004);
}

fit::FitResult fitted(const fit::Points& points, const std::string& law, int draws) {
  fit::FitOptions options;
  options.law = law;
  options.draws = draws;
  options.starts = 8;
  return fit::fit_law(points, options);
}

const Panel& find(const std::vector<Panel>& panels, const std::string& title) {
  const auto at = std::find_if(panels.begin(), panels.end(),
                               [&](const Panel& each) { return each.title == title; });
  if (at == panels.end()) throw std::runtime_error("no panel '" + title + "'");
  return *at;
}

// Every spot of every contour has the loss that its label says, by the law itself.
void check_contours(const Panel& panel, const fit::FitResult& fit) {
  CHECK(panel.contours.size() >= 5);
  for (const Contour& contour : panel.contours) {
    for (const auto& line : contour.lines) {
      for (const Spot& at : line) {
        CHECK(fit::predicted_loss(*fit.law, fit.theta, at.x, at.y) ==
              Approx(std::stod(contour.label)).epsilon(3e-4));
      }
    }
  }
}

bool holds(const Marks& marks, double x, double y) {
  return std::any_of(marks.at.begin(), marks.at.end(),
                     [&](Spot at) { return at.x == x && at.y == y; });
}

void check_drawable(const std::vector<Panel>& panels) {
  const std::string svg = svg_document({"title", {}, {}}, panels);
  CHECK_NOTHROW(tests::parse_xml(svg));
  CHECK_THAT(svg, !has_text("nan"));
}

}  // namespace

TEST_CASE("Points on a contour have the loss of the contour") {
  const fit::Points points = noisy_sweep();
  const fit::FitResult one = fitted(points, "chinchilla", 0);
  check_contours(find(fit_panels(one, points, {}, {}), "Loss surface"), one);
  const fit::FitResult extended = fitted(points, "extended", 0);
  check_contours(find(fit_panels(extended, points, {}, {}), "Loss surface"), extended);
}

TEST_CASE("Every measured point is on the surface and in every residual panel") {
  const fit::Points points = planted::reference_points("chinchilla_epoch_240");
  const fit::FitResult fit = fitted(points, "chinchilla", 0);
  const std::vector<Panel> panels = fit_panels(fit, points, {}, {});
  const Panel& surface = find(panels, "Loss surface");
  for (const fit::Point& p : points) CHECK(holds(surface.marks[0], p.params, p.tokens));
  for (const char* name : {"N", "D", "compute"}) {
    const Panel& panel = find(panels, std::string("Residuals against ") + name);
    REQUIRE(panel.marks[0].at.size() == 240);
    const auto circles = tests::named(tests::parse_xml(svg_element(panel, "r")), "circle");
    CHECK(circles.size() == 240);
    for (const Spot& at : panel.marks[0].at) {
      CHECK(fraction(panel.x, at.x) == Approx(0.5).margin(0.5));
      CHECK(fraction(panel.y, at.y) == Approx(0.5).margin(0.5));
    }
  }
}

TEST_CASE("Residuals are log observed minus log predicted, in percent") {
  const fit::FitResult truth = fit::from_values(fit::chinchilla_law(), kPlanted);
  fit::Points points = planted::sweep(fit::chinchilla_law(), kPlanted, 4, {20});
  points[1].loss *= std::exp(0.02);
  points[2].loss *= std::exp(-0.03);
  const std::vector<double> percent = residual_percent(truth, points);
  CHECK(percent[0] == Approx(0).margin(1e-9));
  CHECK(percent[1] == Approx(2));
  CHECK(percent[2] == Approx(-3));
}

TEST_CASE("The Huber delta is drawn on both sides, and not for least squares") {
  const fit::Points points = noisy_sweep();
  fit::FitResult fit = fitted(points, "chinchilla", 0);
  std::vector<double> at;
  const Panel huber = residual_panels(fit, points, {})[0];
  for (const Guide& each : huber.guides) at.push_back(each.value);
  CHECK(at == std::vector<double>{0, -0.1, 0.1});
  fit.huber_delta = INFINITY;
  CHECK(residual_panels(fit, points, {})[0].guides.size() == 1);
}

TEST_CASE("The frontier of the surface passes through the closed-form optimum") {
  const fit::Points points = noisy_sweep();
  const fit::FitResult fit = fitted(points, "extended", 0);
  const Panel panel = surface_panels(strategies_of(fit, points), {})[0];
  const fit::PowerForm form = *fit::power_form(*fit.law, fit.theta);
  REQUIRE_FALSE(panel.lines.empty());
  for (const Line& line : panel.lines) {
    REQUIRE(line.at.size() > 5);
    for (const Spot& at : line.at) {
      CHECK(at.x == Approx(fit::optimum(form, 6 * at.x * at.y)->params).epsilon(1e-9));
    }
  }
  CHECK(panel.bands.empty());
  for (const Remark& each : tests::some(panel.remarks)) {
    CHECK(6 * each.at.x * each.at.y == Approx(std::stod(each.text)));
  }
}

TEST_CASE("Where compute was counted, frontiers are drawn over that") {
  fit::Points points = noisy_sweep();
  const fit::ComputeModel counted{40, 0.93, 0, true};
  for (fit::Point& each : points) {
    each.flops = counted.flops_per_token(each.params) * each.tokens;
  }
  const fit::FitResult fit = fitted(points, "chinchilla", 30);
  const fit::PowerForm form = *fit::power_form(*fit.law, fit.theta);
  const Panel surface = surface_panels(strategies_of(fit, points), {})[0];
  REQUIRE_FALSE(surface.lines.empty());
  for (const Spot& at : tests::some(surface.lines[0].at)) {
    const double flops = counted.flops_per_token(at.x) * at.y;
    CHECK(at.x == Approx(fit::optimum(form, flops, counted)->params).epsilon(1e-6));
  }
  // The band runs along lines of equal compute through the optimum.
  const std::vector<Spot>& edge = surface.bands.at(0).edge;
  const auto flops = [&](const Spot& at) { return counted.flops_per_token(at.x) * at.y; };
  CHECK(flops(edge.front()) == Approx(flops(edge.back())).epsilon(1e-6));
  const std::vector<Panel> panels = frontier_panels(strategies_of(fit, points));
  CHECK(panels[0].x.title == "compute C, counted FLOPs");
  for (const Spot& at : tests::some(panels[0].lines[0].at)) {
    CHECK(at.y == Approx(fit::optimum(form, at.x, counted)->params).epsilon(1e-6));
  }
}

TEST_CASE("Frontier panels cover the measured compute and one to two decades beyond") {
  const fit::Points points = noisy_sweep();
  const fit::FitResult fit = fitted(points, "chinchilla", 60);
  const std::vector<Panel> panels = frontier_panels(strategies_of(fit, points));
  REQUIRE(panels.size() == 2);
  const fit::Range measured = fit.measured_range->flops;
  const fit::PowerForm form = *fit::power_form(*fit.law, fit.theta);
  for (std::size_t i = 0; i < 2; ++i) {
    const Line& dashed = panels[i].lines[0];
    const Line& solid = panels[i].lines[1];
    CHECK(dashed.dash == Dash::kDashed);
    CHECK(dashed.at.front().x == measured.low);
    CHECK(dashed.at.back().x >= 10 * measured.high);
    CHECK(dashed.at.back().x <= 100 * measured.high);
    CHECK(solid.at.front().x == measured.low);
    CHECK(solid.at.back().x == measured.high);
    for (const Spot& at : dashed.at) {
      const fit::Optimum best = *fit::optimum(form, at.x);
      CHECK(at.y == Approx(i == 0 ? best.params : best.tokens));
    }
    CHECK(panels[i].shades[0].label == "extrapolated");
    CHECK(panels[i].shades[0].x.low == measured.high);
  }
}

TEST_CASE("The 95 % band is that of the draws") {
  const fit::Points points = noisy_sweep();
  const fit::FitResult fit = fitted(points, "chinchilla", 60);
  const Band band = frontier_panels(strategies_of(fit, points))[0].bands[0];
  const double flops = band.edge[3].x;
  std::vector<double> params;
  for (Eigen::Index r = 0; r < fit.draws.rows(); ++r) {
    params.push_back(
        fit::optimum(*fit::power_form(*fit.law, fit.draws.row(r).transpose()), flops)->params);
  }
  std::sort(params.begin(), params.end());
  CHECK(band.edge[3].y == Approx(fit::quantile(params, 0.025)));
  CHECK(band.edge[band.edge.size() - 4].x == flops);
  CHECK(band.edge[band.edge.size() - 4].y == Approx(fit::quantile(params, 0.975)));
}

TEST_CASE("A joint fit draws scratch and continued each") {
  const fit::Points points = planted::two_strategies(0.003);
  const fit::FitResult fit = fitted(points, "two-stage", 30);
  const std::vector<Panel> panels = fit_panels(fit, points, {}, {});
  const std::vector<Strategy> strategies = strategies_of(fit, points);
  check_contours(find(panels, "Loss surface: from scratch"), strategies[0].fit);
  check_contours(find(panels, "Loss surface: continued"), strategies[1].fit);
  const Panel& residuals = find(panels, "Residuals against N");
  REQUIRE(residuals.marks.size() == 2);
  CHECK(residuals.marks[0].at.size() + residuals.marks[1].at.size() == points.size());
  CHECK(find(panels, "Optimal parameters N*").bands.size() == 2);
  check_drawable(panels);
}

TEST_CASE("A profile panel shows its limit and its interval, open where it is open") {
  fit::Profile profile{"beta", 0.3, {}, {}, 1.2, 0.25, std::nullopt};
  for (int i = -20; i <= 20; ++i) {
    profile.values.push_back(0.3 + 0.01 * i);
    profile.objective.push_back(1 + (i < 0 ? 0.008 * i * i : 0.1 * (1 - std::exp(-0.1 * i))));
  }
  const Panel panel = profile_panels({profile})[0];
  CHECK(panel.guides[0].value == Approx(0.2));
  CHECK(panel.guides[1].value == Approx(0.3));
  CHECK(panel.shades[0].x.low == 0.25);
  CHECK(panel.shades[0].x.high == panel.x.high);
  CHECK_THAT(panel.note, has_text("from 0.25, open above"));
  const auto low = std::min_element(panel.lines[0].at.begin(), panel.lines[0].at.end(),
                                    [](Spot a, Spot b) { return a.y < b.y; });
  CHECK(low->y == 0);
  CHECK(low->x == Approx(0.3));
  fit::Profile empty = profile;
  empty.objective.assign(empty.values.size(), NAN);
  CHECK(profile_panels({empty}).empty());
  check_drawable(profile_panels({profile, {}}));
}

TEST_CASE("A wide profile has a log axis, a narrow one a linear axis") {
  fit::Profile profile{"B", 100, {1, 10, 100, 1e3, 1e4}, {5, 2, 1, 2, 5}, 3, 5.0, 2e3};
  CHECK(profile_panels({profile})[0].x.scale == Scale::kLog);
  profile = {"alpha", 0.3, {0.2, 0.3, 0.4}, {2, 1, 2}, 1.5, 0.25, 0.35};
  CHECK(profile_panels({profile})[0].x.scale == Scale::kLinear);
}

TEST_CASE("A fit that is not identifiable has no frontier and says so") {
  const fit::Points points = planted::reference_points("cerebras_7");
  const fit::FitResult fit = fitted(points, "chinchilla", 0);
  REQUIRE_FALSE(fit.identifiable);
  const std::vector<Panel> panels = fit_panels(fit, points, {}, {});
  CHECK_THAT(find(panels, "Loss surface").note, has_text("not identifiable"));
  CHECK(frontier_panels(strategies_of(fit, points)).empty());
  check_drawable(panels);
}

TEST_CASE("A law without a closed form gets its frontier by search, without a band") {
  // The chinchilla law under another name is no law that power_form knows.
  fit::Law unknown = fit::chinchilla_law();
  unknown.name = "unknown";
  const fit::Points points = noisy_sweep();
  fit::FitResult fit = fitted(points, "chinchilla", 20);
  fit.law = &unknown;
  const fit::Profile profile{"alpha", 0.3, {0.2, 0.3, 0.4}, {2, 1, 2}, 1.5, 0.25, 0.35};
  const std::vector<Panel> panels = fit_panels(fit, points, {profile}, {});
  CHECK(panels.size() == 8);
  const Panel& surface = find(panels, "Loss surface");
  check_contours(surface, fit);
  CHECK(surface.bands.empty());
  const fit::PowerForm form = *fit::power_form(fit::chinchilla_law(), fit.theta);
  REQUIRE(surface.lines.size() == 2);
  for (const Spot& at : tests::some(surface.lines[0].at)) {
    CHECK(at.x == Approx(fit::optimum(form, 6 * at.x * at.y)->params).epsilon(1e-6));
  }
}

TEST_CASE("One point, no point and extreme points can be drawn") {
  const fit::FitResult given = fit::from_values(fit::chinchilla_law(), kPlanted);
  check_drawable(fit_panels(given, {}, {}, {}));
  CHECK(fit_panels(given, {}, {}, {}).empty());
  check_drawable(fit_panels(given, {{1e8, 2e9, 3.1}}, {}, {}));
  CHECK(fit_panels(given, {{1e8, 2e9, 3.1}}, {}, {}).size() == 5);
  const fit::Points wild = {{1e-150, 1e-100, 1e-200}, {1e150, 1e120, 1e250}, {1, 1, 1}};
  check_drawable(fit_panels(given, wild, {}, {}));
  const fit::Points same(30, {1e8, 2e9, 3.1});
  check_drawable(fit_panels(given, same, {}, {}));
}

TEST_CASE("The axis names a column that is not called as usual") {
  CHECK(axis_title("parameters N", "N", "N") == "parameters N");
  CHECK(axis_title("parameters N", "N", "blocks+norms") == "parameters N (blocks+norms)");
  const fit::Points points = noisy_sweep();
  const fit::FitResult fit = fitted(points, "chinchilla", 0);
  const auto panels = fit_panels(fit, points, {}, {"<&\">'.csv", "<N & \"N\">", "D", "loss"});
  CHECK_THAT(svg_element(panels[0], "one"), has_text("(&lt;N &amp; &quot;N&quot;&gt;)"));
  check_drawable(panels);
}

TEST_CASE("The isoFLOP curves are the parabolas of approach 2, with the runs they go through") {
  fit::FitOptions options;
  options.draws = 0;
  const fit::Points points = planted::reference_points("chinchilla_epoch_240");
  const fit::FitResult fit = fit::fit_law(points, options);
  const Panel panel = find(fit_panels(fit, points, {}, {}), "IsoFLOP curves");
  fit::IsoflopOptions parabolas;
  parabolas.frontier.draws = 0;
  const fit::IsoflopFit truth = fit::fit_isoflop(points, parabolas);
  std::vector<double> minima;
  for (const Line& line : panel.lines) {
    if (line.dash != Dash::kSolid || !line.name.empty()) continue;
    const auto least = std::min_element(line.at.begin(), line.at.end(),
                                        [](const Spot& a, const Spot& b) { return a.y < b.y; });
    minima.push_back(least->x);
  }
  REQUIRE(minima.size() == 7);
  for (const double each : minima) {
    CHECK(std::any_of(truth.budgets.begin(), truth.budgets.end(), [&](const auto& budget) {
      return budget.use == fit::BudgetUse::kUsed &&
             std::abs(std::log(*budget.params_optimum.value / each)) < 0.1;
    }));
  }
  CHECK(panel.marks.size() == 7);
  CHECK(panel.lines.back().name == "best size by the law");
}
