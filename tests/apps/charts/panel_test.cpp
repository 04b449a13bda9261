#include "apps/charts/panel.h"

#include <cmath>

#include "apps/charts/figure.h"
#include "apps/charts/legend.h"
#include "tests/apps/charts/well_formed.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::charts;

namespace {

Panel small_panel() {
  Panel panel;
  panel.title = "A & <b>";
  panel.caption = "What \"it\" shows.";
  panel.x = {"x", Scale::kLog, Numbers::kCount, 1e6, 1e10};
  panel.y = {"y", Scale::kLinear, Numbers::kPlain, 0, 4};
  return panel;
}

}  // namespace

TEST_CASE("Marks are drawn where the axes say") {
  Panel panel = small_panel();
  panel.marks.push_back({{{1e6, 0}, {1e8, 2}, {1e10, 4}}, {"#123456"}, 3, 1, "", {}});
  const auto all = tests::parse_xml(svg_element(panel, "one"));
  const auto circles = tests::named(all, "circle");
  REQUIRE(circles.size() == 3);
  const double x0 = circles[0].number("cx"), x1 = circles[1].number("cx");
  CHECK(circles[2].number("cx") - x1 == Approx(x1 - x0).margin(0.02));
  const double y0 = circles[0].number("cy"), y1 = circles[1].number("cy");
  CHECK(y1 - circles[2].number("cy") == Approx(y0 - y1).margin(0.02));
  CHECK(y0 > y1);
  CHECK(circles[0].get("fill") == "#123456");
}

TEST_CASE("A drawing is named for those who do not see it") {
  const std::string svg = svg_element(small_panel(), "one");
  CHECK_THAT(svg, has_text("role=\"img\"") && has_text("aria-labelledby=\"one-title one-desc\"") &&
                      has_text("A &amp; &lt;b&gt;</title>") &&
                      has_text("What &quot;it&quot; shows.</desc>"));
}

TEST_CASE("A document holds every panel, with ids of its own") {
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{11}}) {
    const std::vector<Panel> panels(count, small_panel());
    const auto all = tests::parse_xml(
        svg_document({"A title", {std::string(2000, 'x'), ""}, {"a & b"}}, panels));
    CHECK(tests::named(all, "clipPath").size() == count);
  }
}

TEST_CASE("Each name has one sample in the legend, which breaks where it is full") {
  Panel panel = small_panel();
  CHECK(legend_height(panel, 300) == 0);
  panel.lines.push_back({{}, "#000", 2, Dash::kSolid, "line"});
  panel.lines.push_back({{}, "#111", 2, Dash::kSolid, "line"});
  panel.bands.push_back({{}, "#222", 0.2, "band"});
  panel.whiskers.push_back({{}, "#333", 2, 1, "whisker"});
  const double one_row = legend_height(panel, 1000);
  CHECK(one_row > 0);
  CHECK(legend_height(panel, 80) == Approx(3 * one_row));
  Canvas canvas;
  draw_legend(panel, {0, 0, 1000, one_row}, canvas);
  CHECK(tests::named(tests::parse_xml("<g>" + canvas.content() + "</g>"), "text").size() == 3);
}

TEST_CASE("Extreme data of every kind give a drawing that can be read") {
  Panel panel = small_panel();
  panel.x = axis_over("x", Scale::kLog, Numbers::kPower, {1e-300, 1e300});
  panel.y = axis_over("y", Scale::kLinear, Numbers::kPlain, {-1e300, 1e300});
  const std::vector<Spot> wild = {{0, 0}, {-1, 1e308}, {NAN, 1}, {1e300, -1e300}, {INFINITY, 2}};
  panel.lines.push_back({wild, "#000"});
  panel.bands.push_back({wild, "#000"});
  panel.marks.push_back({wild, {"#000"}, 3, 1, "wild", {}});
  panel.contours.push_back({{wild, {}}, "1e300"});
  panel.whiskers.push_back({{{1e300, {-1e308, 1e308}}}, "#000"});
  panel.guides = {{Guide::Along::kX, -5, "x"}, {Guide::Along::kY, 1e308, "y"}};
  panel.shades = {{{1e-308, 1e308}, "all"}};
  panel.remarks = {{{NAN, NAN}, "nowhere"}};
  const std::string svg = svg_element(panel, "wild");
  CHECK_NOTHROW(tests::parse_xml(svg));
  CHECK_THAT(svg, !has_text("nan") && !has_text("inf\""));
}

TEST_CASE("Residual colours go from blue by grey to vermilion") {
  CHECK(residual_colour(-1) == residual_colour(-7));
  CHECK(residual_colour(0) == "#eeeeee");
  CHECK(residual_colour(1) == colour::kVermilion);
  CHECK(residual_colour(NAN) == residual_colour(0));
}
