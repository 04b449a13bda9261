#include "apps/charts/labels.h"

#include "tests/support/catch.h"

using namespace crosslaw::charts;

TEST_CASE("Labels keep inside the frame and off each other") {
  LabelRoom room({0, 0, 200, 100}, {});
  Canvas canvas;
  const TextStyle style;
  CHECK(room.place({{10, 50}}, "first", style, canvas));
  CHECK_FALSE(room.place({{12, 52}}, "on it", style, canvas));
  CHECK_FALSE(room.place({{190, 50}}, "sticks out", style, canvas));
  CHECK(room.place({{12, 52}, {100, 80}}, "second", style, canvas));
  CHECK_THAT(canvas.content(), has_text("x=\"100\" y=\"80\"") && !has_text("on it"));
}

TEST_CASE("A label with a choice keeps away from the marks") {
  LabelRoom room({0, 0, 200, 100}, {{20, 50}, {25, 55}});
  Canvas canvas;
  CHECK(room.place_clear({{20, 50}, {150, 50}, {60, 50}}, "2.0", {}, canvas));
  CHECK_THAT(canvas.content(), has_text("x=\"150\""));
  CHECK_FALSE(room.place_clear({}, "2.1", {}, canvas));
}
