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

TEST_CASE("Notes and fits that lie beside the tables are no studies, tables of any ending are") {
  const tests::TempFolder folder;
  write(folder.path() / "mine.txt", csv_of(planted_grid()));
  write(folder.path() / "mine.md", "# mine\n\n- licence: MIT\n- rows: 32\n");
  write(folder.path() / "columns.md", "| column | meaning |\n|---|---|\n| N | parameters |\n");
  write(folder.path() / "fits.json",
        R"({"c4": {"at": {"1e20": {"N": 1e9, "D": 2e10, "loss": 2.1}}}})");
  write(folder.path() / "bad.csv", "name,score\na,b\n");
  const std::vector<AtlasTable> tables = read_atlas(folder.path());
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].study == "bad");  // a table by its ending, and refused with the reason
  CHECK(tables[1].study == "mine");
  CHECK(refit(tables[1], quick()).points == 32);
}

TEST_CASE("What the reader of files refuses is refused, what it doubts is said, units have keys") {
  const tests::TempFolder folder;
  fit::Points in_millions = planted_grid();
  for (fit::Point& each : in_millions) each.params /= 1e6, each.tokens /= 1e9;
  write(folder.path() / "short.csv", csv_of(in_millions));
  std::string pooled = "stage,params,tokens,loss\n";
  for (const fit::Point& each : crosslaw::tests::some(planted_grid())) {
    for (const bool continued : {false, true}) {
      pooled += std::string(continued ? "continued," : "scratch,") + std::to_string(each.params) +
                "," + std::to_string(each.tokens) + "," +
                std::to_string(each.loss * (continued ? 0.97 : 1)) + "\n";
    }
  }
  write(folder.path() / "pooled.csv", pooled);
  write(folder.path() / "atlas.json", R"({"tables": [{"file": "short.csv"},
      {"file": "short.csv", "params_unit": "M", "tokens_unit": "B"}, {"file": "pooled.csv"},
      {"file": "pooled.csv", "where": ["stage=scratch"]}]})");
  const std::vector<AtlasTable> tables = read_atlas(folder.path());
  const AtlasEntry bare = refit(tables[0], quick());
  CHECK_FALSE(bare.refused.empty());
  CHECK_FALSE(bare.fit);
  const AtlasEntry scaled = refit(tables[1], quick());
  CHECK(scaled.refused.empty());
  CHECK(scaled.points == 32);
  const AtlasEntry both = refit(tables[2], quick());
  REQUIRE_FALSE(both.warnings.empty());
  CHECK_THAT(both.warnings.back(), has_text("'stage' continued, scratch are fitted as one kind"));
  CHECK(refit(tables[3], quick()).warnings.empty());
}

TEST_CASE("An entry may hold out rows by a condition, and says why where it cannot") {
  const tests::TempFolder folder;
  write(folder.path() / "mine.csv", csv_of(planted_grid()));
  write(folder.path() / "atlas.json",
        R"({"tables": [{"file": "mine.csv", "holdout": "params>=2e9"},
                       {"file": "mine.csv", "holdout": "params>=1e15"}]})");
  const std::vector<AtlasTable> tables = read_atlas(folder.path());
  const AtlasEntry entry = refit(tables[0], quick());
  REQUIRE(entry.holdout);
  CHECK(entry.no_holdout.empty());
  const AtlasEntry none = refit(tables[1], quick());
  CHECK_FALSE(none.holdout);
  CHECK_FALSE(none.no_holdout.empty());
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
