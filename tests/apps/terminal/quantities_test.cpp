#include "apps/terminal/quantities.h"

#include "tests/support/catch.h"

using namespace crosslaw::apps;

TEST_CASE("Times are written in the two units that matter") {
  CHECK(format_seconds(-1) == "0 s");
  CHECK(format_seconds(119.4) == "119 s");
  CHECK(format_seconds(120) == "2 min 0 s");
  CHECK(format_seconds(7199) == "119 min 59 s");
  CHECK(format_seconds(7200) == "2 h 0 min");
  CHECK(format_seconds(48 * 3600) == "2 d 0 h");
  CHECK(format_seconds(200) == "3 min 20 s");
  CHECK(format_seconds(4 * 3600 + 600) == "4 h 10 min");
  CHECK(format_seconds(12 * 86400 + 3 * 3600) == "12 d 3 h");
}

TEST_CASE("Bytes and FLOPs are written short") {
  CHECK(format_bytes(812) == "812 B");
  CHECK(format_bytes(12345) == "12.3 kB");
  CHECK(format_bytes(999.6e6) == "1.00 GB");
  CHECK(format_flops(5.1e22) == "5.10e22");
  CHECK(format_flops(3e-3) == "3.00e-03");
}
