#include "apps/charts/forest_chart.h"

#include "apps/charts/figure.h"
#include "tests/apps/charts/well_formed.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::charts;

namespace {

Panel three_studies() {
  return forest_panel("gamma", "gamma", "limits & <all>",
                      {{"first study", "scratch", -0.2, fit::Range{-0.3, -0.1}, true},
                       {"second", "continued", 0.05, fit::Range{0.02, 0.07}, true},
                       {"a wild one", "scratch", 0.7, fit::Range{-40, 90}, false}});
}

}  // namespace

TEST_CASE("Every study is a row with its name, the first on top") {
  const Panel panel = three_studies();
  const auto all = tests::parse_xml(svg_element(panel, "one"));
  const std::string svg = svg_element(panel, "one");
  CHECK_THAT(svg, has_text("first study") && has_text("second") && has_text("a wild one") &&
                      has_text("limits &amp; &lt;all&gt;"));
  // The unknown one is a ring: a mark with a hole.
  CHECK(tests::named(all, "circle").size() >= 4);
  REQUIRE(panel.y.named.size() == 3);
  CHECK(panel.y.named[0].value > panel.y.named[1].value);
}

TEST_CASE("What is not known does not stretch the axis of what is") {
  const Panel panel = three_studies();
  CHECK(panel.x.low < -0.3);
  CHECK(panel.x.high > 0.07);
  CHECK(panel.x.high < 1);
  for (const Line& each : tests::some(panel.lines)) {
    for (const Spot& spot : tests::some(each.at)) {
      CHECK(spot.x >= panel.x.low);
      CHECK(spot.x <= panel.x.high);
    }
  }
}

TEST_CASE("Groups have one colour and one entry in the legend each") {
  const Panel panel = three_studies();
  REQUIRE(panel.lines.size() == 3);
  CHECK(panel.lines[0].colour == panel.lines[2].colour);
  CHECK(panel.lines[0].colour != panel.lines[1].colour);
}
