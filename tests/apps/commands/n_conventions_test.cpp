#include "apps/commands/n_conventions.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/planted_sweep.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using crosslaw::tests::TempFolder;

TEST_CASE("The conventions of a sweep come as text, JSON and one table of CSV") {
  const TempFolder folder;
  tests::planted_store(folder);
  NConventionsOptions options;
  options.conventions = {"all"};
  options.source.directory = folder.path().string();
  options.fitting.draws = 0;
  options.fitting.fit.starts = 8;
  std::ostringstream text, json, csv, log;
  REQUIRE(run_n_conventions(options, text, log) == 0);
  CHECK_THAT(text.str(), Catch::Matchers::StartsWith("fr\n\nN ") && has_text("by a factor of"));
  options.output.json = true;
  REQUIRE(run_n_conventions(options, json, log) == 0);
  const nlohmann::json found = nlohmann::json::parse(json.str());
  CHECK(found.at("languages").at(0).at("language") == "fr");
  CHECK(found.at("languages").at(0).at("conventions").size() == 12);
  options.output = {.csv = true};
  REQUIRE(run_n_conventions(options, csv, log) == 0);
  CHECK_THAT(csv.str(),
             Catch::Matchers::StartsWith("language,params_convention,") && has_text("\nfr,"));
  options.conventions = {"N"};
  CHECK_THROWS_WITH(run_n_conventions(options, csv, log), has_text("must be all"));
}
