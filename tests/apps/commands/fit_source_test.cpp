#include "apps/commands/fit_source.h"

#include <sstream>

#include "apps/study/sweep_fits.h"
#include "tests/apps/planted_sweep.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using crosslaw::tests::TempFolder;

TEST_CASE("A fit of a file hands on what was read: points, their lines and their clusters") {
  FittingOptions options;
  options.draws = 0;
  fit::DataFileOptions file;
  file.path = planted::data_path("gemstones_hot.csv");
  file.cluster = "run_name";
  const SourcedFit found = fit_file(options, file);
  const fit::DataFile& data = found.data.data;
  CHECK(data.points.size() == static_cast<std::size_t>(found.fit.points));
  CHECK(data.points[0].params == 543482880);
  CHECK(data.lines.at(0) == 2);
  CHECK(data.clusters.size() == 22);
  CHECK(data.clusters.at(0) == "PyGemma-1024x28_pretrain");
  CHECK(found.label().empty());
  CHECK(found.fit.convention.params == "column N");
}

TEST_CASE("Settings follow the columns and the number of points") {
  FittingOptions options;
  fit::DataFileOptions file;
  CHECK(fit_settings(options, file, 100).law == "chinchilla");
  CHECK(fit_settings(options, file, 100).draws == 1000);
  CHECK(fit_settings(options, file, 30000).draws == 200);
  CHECK(fit_settings(options, file, 100).resampling == fit::Resampling::kAuto);
  file.stage = "how";
  file.cluster = "run";
  CHECK(fit_settings(options, file, 100).law == "two-stage");
  options.resampling = "pairs";
  CHECK(fit_settings(options, file, 100).resampling == fit::Resampling::kPairs);
  CHECK_THROWS_WITH(require_known_law("quartic"), has_text("must be one of"));
}

TEST_CASE("A sweep is fitted by language and law, and other settings are not stored") {
  const TempFolder folder;
  const db::RunStore store = tests::planted_store(folder);
  DataSourceOptions source;
  source.directory = folder.path().string();
  FittingOptions options;
  options.draws = 10;
  std::ostringstream log;
  const std::vector<SourcedFit> fits = fit_source(source, options, false, log);
  REQUIRE(fits.size() == 3);
  CHECK(fits[0].label() == "fr, scratch");
  CHECK(fits[1].label() == "fr, two-stage");
  CHECK(law_name(fits[1].fit) == "two-stage");
  CHECK(law_name(fits[2].fit) == "joint");
  CHECK(fits[0].data.data.points.size() == 120);
  CHECK(fits[1].data.data.points.size() == 240);
  CHECK(fits[1].data.source == source.directory + " (fr)");
  CHECK_THAT(log.str(), has_text("not stored, for the settings are not those of crosslaw run"));
  CHECK(store.fits().empty());
}
