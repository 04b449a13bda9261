#include "apps/study/atlas.h"

#include <filesystem>
#include <fstream>
#include <set>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

std::string csv_of(const fit::Points& points) {
  std::string out = "params,tokens,loss\n";
  for (const fit::Point& each : points) {
    out += std::to_string(each.params) + "," + std::to_string(each.tokens) + "," +
           std::to_string(each.loss) + "\n";
  }
  return out;
}

fit::Points planted_grid() {
  return planted::sweep(fit::extended_law(), {1.6, 420, 0.35, 700, 0.3, 0.07}, 8, {2, 10, 50, 250},
                        0.001);
}

fit::FitOptions quick() {
  fit::FitOptions out;
  out.draws = 100;
  out.starts = 16;
  return out;
}

}  // namespace

TEST_CASE("The bundled index names every table, and every table is there") {
  const std::filesystem::path folder =
      std::filesystem::path(planted::data_path("atlas.json")).parent_path();
  std::set<std::string> named;
  for (const AtlasTable& each : crosslaw::tests::some(read_atlas(folder))) {
    CHECK(std::filesystem::is_regular_file(each.file.path));
    CHECK_FALSE(each.licence.empty());
    CHECK_FALSE(each.citation.empty());
    named.insert(std::filesystem::path(each.file.path).filename());
  }
  for (const auto& each : std::filesystem::directory_iterator(folder)) {
    if (each.path().extension() == ".csv") CHECK(named.contains(each.path().filename()));
  }
}

TEST_CASE("A folder without an index has its tables refitted by guessed columns") {
  const tests::TempFolder folder;
  write(folder.path() / "mine.csv", csv_of(planted_grid()));
  const std::vector<AtlasTable> tables = read_atlas(folder.path());
  REQUIRE(tables.size() == 1);
  const AtlasEntry entry = refit(tables.front(), quick());
  CHECK(entry.points == 32);
  CHECK(entry.sizes == 8);
  REQUIRE(entry.gamma() != nullptr);
  REQUIRE(entry.gamma()->ci95);
  CHECK(entry.gamma()->ci95->low < 0.07);
  CHECK(entry.gamma()->ci95->high > 0.07);
  REQUIRE(entry.holdout);
  CHECK(entry.holdout->laws.size() >= 3);
}

TEST_CASE("Tables that cannot be fitted and rays are entries that say why") {
  const tests::TempFolder folder;
  write(folder.path() / "text.csv", "name,score\na,b\n");
  fit::Points ray;
  for (const fit::Point& each : crosslaw::tests::some(planted_grid())) {
    if (each.tokens < 11 * each.params && each.tokens > 9 * each.params) ray.push_back(each);
  }
  write(folder.path() / "ray.csv", csv_of(ray));
  write(
      folder.path() / "atlas.json",
      R"({"schema": 1, "tables": [{"file": "text.csv"}, {"file": "ray.csv", "study": "a ray"}]})");
  const std::vector<AtlasTable> tables = read_atlas(folder.path());
  REQUIRE(tables.size() == 2);
  CHECK_THAT(refit(tables[0], quick()).refused, has_text("parameters"));
  const AtlasEntry entry = refit(tables[1], quick());
  CHECK(entry.table.study == "a ray");
  CHECK_THAT(entry.why_open(), has_text("along this ray only"));
  CHECK_FALSE(entry.holdout);
}

TEST_CASE("A bad index is refused with its file and key") {
  const tests::TempFolder folder;
  const auto refused = [&](const std::string& text, const std::string& why) {
    write(folder.path() / "atlas.json", text);
    CHECK_THROWS_WITH(read_atlas(folder.path()), has_text(why));
  };
  refused("{", "expected");
  refused(R"({"tables": 3})", "expected");
  refused(R"({"schema": 2, "tables": []})", "schema must be 1");
  refused(R"({"tables": []})", "there is no table");
  refused(R"({"tables": [7]})", "table 1 must be an object");
  refused(R"({"tables": [{"study": "x"}]})", "file is missing");
  refused(R"({"tables": [{"file": "a.csv", "parms": "N"}]})", "parms is no key");
  refused(R"({"tables": [{"file": "a.csv", "params": 7}]})", "params must be a text");
  refused(R"({"tables": [{"file": "a.csv", "law": "x"}]})", "unknown law");
  CHECK_THROWS_WITH(read_atlas(folder.path() / "nowhere"), has_text("no such folder"));
}
