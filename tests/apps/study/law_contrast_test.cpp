#include "apps/study/law_contrast.h"

#include <nlohmann/json.hpp>

#include "apps/study/observations.h"
#include "tests/apps/planted_transfer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

LawContrast contrast_of(const tests::TransferWorld& world) {
  const tests::TempFolder folder;
  const db::RunStore store = tests::simulate(world, folder.path());
  const Observations observations(store, ParamsCount::kAll);
  fit::FitOptions options;
  options.starts = 16;
  options.draws = 200;
  return law_contrast(
      dataset_of_pair(observations, observations.pairs()[0], PointChoice::kAuto, false), options);
}

}  // namespace

TEST_CASE("A larger gamma of the continued runs is found, with an interval for the difference") {
  tests::TransferWorld world;
  world.gamma = 0.15, world.b_continued = 2850;
  world.every = 2;
  const LawContrast found = contrast_of(world);
  REQUIRE(found.laws.size() == 4);
  REQUIRE(found.gamma_difference.ci95);
  INFO(describe(found));
  CHECK(found.gamma_difference.ci95->low > 0);
  CHECK(found.gamma_difference.ci95->low < world.gamma);
  CHECK(world.gamma < found.gamma_difference.ci95->high);
  CHECK(describe(found).find("larger when continued") != std::string::npos);
  for (const LawOnRuns& each : found.laws) {
    CHECK(each.points == 80);
    // A law fits its own data as well as their noise lets it.
    if (each.runs == "scratch" || each.law == "extended") CHECK(each.rms < 1.3 * world.noise);
    CHECK(each.mean_error < each.rms);
  }
}

TEST_CASE("Without a difference the runs cannot tell, and JSON brings all of it back") {
  tests::TransferWorld world;
  world.gamma = 0;
  const LawContrast found = contrast_of(world);
  CHECK(describe(found).find("cannot tell") != std::string::npos);
  const LawContrast again = law_contrast_from_json(nlohmann::json::parse(to_json(found).dump()));
  CHECK(to_json(again) == to_json(found));
  CHECK(describe(again) == describe(found));
}
