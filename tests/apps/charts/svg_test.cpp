#include "apps/charts/svg.h"

#include <cmath>

#include "tests/apps/charts/well_formed.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::charts;

TEST_CASE("Markup in a name is text") {
  CHECK(escaped("<&\">'") == "&lt;&amp;&quot;&gt;&#39;");
  CHECK(escaped("\xce\xb1 = 0.3") == "\xce\xb1 = 0.3");
}

TEST_CASE("What XML forbids is replaced") {
  const std::string mark = "\xef\xbf\xbd";
  CHECK(escaped(std::string("a\x01z") + '\0') == "a" + mark + "z" + mark);
  CHECK(escaped("\xff\xc3") == mark + mark);
  CHECK(escaped("\xed\xa0\x80") == mark + mark + mark);  // half of a surrogate pair
  CHECK(escaped("a\nb") == "a b");
}

TEST_CASE("Every byte that a name may hold gives well-formed XML") {
  for (int first = 0; first < 256; ++first) {
    const std::string name = {static_cast<char>(first), 'x', static_cast<char>(255 - first)};
    Canvas canvas;
    canvas.text({1, 2}, name, {});
    canvas.circle({1, 2}, 3, "#000", name);
    CHECK_NOTHROW(tests::parse_xml("<g>" + canvas.content() + "</g>"));
  }
}

TEST_CASE("A long text is cut between characters") {
  CHECK(shortened("short", 5) == "short");
  CHECK(shortened("longer", 5) == "long\xe2\x80\xa6");
  CHECK(shortened("\xce\xb1\xce\xb2\xce\xb3", 2) == "\xce\xb1\xe2\x80\xa6");
}

TEST_CASE("Places that are not finite interrupt a line and drop a mark") {
  Canvas canvas;
  canvas.polyline({{0, 0}, {1, 1}, {NAN, 2}, {3, 3}, {4, INFINITY}, {5, 1e300}}, {});
  CHECK_THAT(canvas.content(), has_text("M0 0L1 1M3 3M5 100000"));
  Canvas empty;
  empty.circle({NAN, 1}, 2, "#000");
  empty.polyline({{NAN, NAN}}, {});
  empty.polygon({}, "#000", 1);
  empty.text({INFINITY, 0}, "x", {});
  CHECK(empty.content().empty());
}
