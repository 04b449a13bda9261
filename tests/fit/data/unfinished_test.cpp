#include "fit/data/unfinished.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

std::string told(const std::vector<std::string>& states) {
  std::string text = "N,state\n";
  for (const std::string& each : states) text += "1e8," + each + "\n";
  std::vector<std::size_t> rows(states.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  return describe_unfinished(parse_records(text, "f.csv", {}), rows).value_or("");
}

}  // namespace

TEST_CASE("Runs that did not end are told beside those that did") {
  CHECK_THAT(told({"finished", "odd", "finished"}),
             has_text("line 3: 'state' is odd") && has_text("--where 'state=finished'"));
  CHECK(told({"finished", "finished"}).empty());
}

TEST_CASE("That no run ended is told by the words for it") {
  CHECK_THAT(told({"running", "crashed", "running"}),
             has_text("lines 2, 3, 4: 'state' is crashed, running") && has_text("none did"));
  CHECK_THAT(told({"killed", "v2", "v2"}), has_text("line 2") && has_text("'state!=killed'"));
  CHECK(told({"Bavaria", "Saxony"}).empty());
}
