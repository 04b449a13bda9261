#include "apps/commands/transfer_command.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/commands/replay_command.h"
#include "apps/study/sweep_fits.h"
#include "fit/write/table.h"
#include "tests/apps/planted_transfer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::TransferWorld;

namespace {

std::string csv_of(const TransferWorld& world) {
  std::string text = "N,D,loss,stage\n";
  for (double n = 5e7; n < 2e9; n *= 2) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0}) {
      // No scatter but that of four digits, as in printed tables.
      const auto row = [&](double loss, const char* stage) {
        char line[120];
        std::snprintf(line, sizeof line, "%.0f,%.0f,%.4f,%s\n", n, n * ratio, loss, stage);
        text += line;
      };
      row(world.scratch_loss(n, n * ratio), "scratch");
      row(world.continued_loss(n, n * ratio), "continued");
    }
  }
  return text;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("A table with a column of stages is answered like a sweep") {
  const tests::TempFolder folder;
  const TransferWorld world;
  TransferCommandOptions options;
  options.source.file.path = folder.write("runs.csv", csv_of(world)).string();
  options.fitting.draws = 100;
  options.fitting.fit.starts = 16;
  options.source_tokens_per_param = 20;
  options.output.json = true;
  std::ostringstream out, log;
  REQUIRE(run_transfer(options, out, log) == 0);
  const nlohmann::json found = nlohmann::json::parse(out.str());
  CHECK(found.at("schema") == 1);
  const nlohmann::json& line = found.at("languages").at(0);
  CHECK(line.at("fit") == "two-stage");
  REQUIRE(line.at("rows").size() == 24);
  for (const nlohmann::json& row : line.at("rows")) {
    const double n = row.at("params"), d = row.at("tokens");
    const double moved = world.equal_tokens(n, d) - d;
    CHECK(row.at("law_transferred_tokens").get<double>() == Approx(moved).epsilon(0.05));
    CHECK(row.at("law_repaid_share").get<double>() == Approx(moved / 20 / n).epsilon(0.05));
  }
  CHECK(line.at("contrast").at("laws").size() == 4);

  SECTION("as CSV a line a continued loss") {
    options.output.json = false;
    options.output.csv = true;
    std::ostringstream csv;
    REQUIRE(run_transfer(options, csv, log) == 0);
    CHECK(lines_of(csv.str()) == 25);
    CHECK(csv.str().find("law_saved_share_ci95_low") != std::string::npos);
  }
  SECTION("as text within a page") {
    options.output.json = false;
    std::ostringstream text;
    REQUIRE(run_transfer(options, text, log) == 0);
    INFO(text.str());
    CHECK(text.str().find("gamma of the extended law") != std::string::npos);
    std::istringstream lines(text.str());
    for (std::string each; std::getline(lines, each);)
      CHECK(fit::display_width(each) <= fit::kPageColumns);
  }
  SECTION("a law of one strategy is refused by name") {
    options.fitting.fit.law = "chinchilla";
    CHECK_THROWS_WITH(run_transfer(options, out, log), tests::has_text("two strategies"));
  }
}

TEST_CASE("Languages and shares of replay are kinds of runs and no seeds of one another") {
  const tests::TempFolder folder;
  const TransferWorld world;
  std::string text = "language,replay,N,D,loss,stage\n";
  const auto row = [&](const char* kind, double n, double d, double loss, const char* stage) {
    char line[160];
    std::snprintf(line, sizeof line, "%s,%.0f,%.0f,%.4f,%s\n", kind, n, d, loss, stage);
    text += line;
  };
  for (double n = 5e7; n < 2e9; n *= 2) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0}) {
      const double d = n * ratio;
      row("fr,0", n, d, world.scratch_loss(n, d), "scratch");
      row("sw,0", n, d, 1.3 * world.scratch_loss(n, d), "scratch");
      row("fr,0", n, d, world.continued_loss(n, d), "continued");
      row("fr,0.2", n, d, 1.02 * world.continued_loss(n, d), "continued");
      row("sw,0", n, d, 1.3 * world.continued_loss(n, d), "continued");
      row("de,0", n, d, world.continued_loss(n, d), "continued");
    }
  }
  TransferCommandOptions options;
  options.source.file.path = folder.write("runs.csv", text).string();
  options.fitting.draws = 50;
  options.fitting.fit.starts = 16;
  options.output.json = true;
  std::ostringstream out, log;
  REQUIRE(run_transfer(options, out, log) == 0);
  const nlohmann::json found = nlohmann::json::parse(out.str());
  REQUIRE(found.at("languages").size() == 3);
  CHECK(found.at("languages").at(0).at("kind") == "language=fr, replay=0");
  CHECK(found.at("languages").at(1).at("kind") == "language=fr, replay=0.2");
  CHECK(found.at("languages").at(2).at("kind") == "language=sw, replay=0");
  for (const nlohmann::json& each : found.at("languages")) {
    CHECK(each.at("rows").size() == 24);
    CHECK(each.at("noise").at("sd").get<double>() < 0.005);
    CHECK(each.at("noise").at("from") == "the residuals of the fit");
  }
  CHECK_THAT(log.str(), tests::has_text("language=de, replay=0: there are no runs from scratch"));
}

TEST_CASE("A column that the losses of equal N and D go by is named, the number of a seed is not") {
  const tests::TempFolder folder;
  const TransferWorld world;
  for (const bool seeds : {true, false}) {
    std::string text = "N,D,loss,stage,batch\n";
    int cell = 0;
    for (double n = 5e7; n < 2e9; n *= 2) {
      for (const double ratio : {5.0, 20.0}) {
        ++cell;
        for (const int batch : {1, 2, 3}) {
          const auto row = [&](double loss, const char* stage) {
            // Of seeds the order changes from cell to cell.
            const double off = seeds ? (batch + cell) % 3 : batch;
            char line[120];
            std::snprintf(line, sizeof line, "%.0f,%.0f,%.5f,%s,%d\n", n, n * ratio,
                          loss * (1 + 0.005 * off), stage, batch);
            text += line;
          };
          row(world.scratch_loss(n, n * ratio), "scratch");
          row(world.continued_loss(n, n * ratio), "continued");
        }
      }
    }
    TransferCommandOptions options;
    options.source.file.path = folder.write("runs.csv", text).string();
    options.fitting.draws = 0;
    options.fitting.fit.starts = 8;
    std::ostringstream out, log;
    REQUIRE(run_transfer(options, out, log) == 0);
    INFO(log.str());
    CHECK((log.str().find("the losses go by 'batch'") == std::string::npos) == seeds);
  }
}

TEST_CASE("A column that transfer cannot read is refused by its flag") {
  const tests::TempFolder folder;
  const TransferWorld world;
  TransferCommandOptions options;
  options.source.file.path = folder.write("runs.csv", csv_of(world)).string();
  options.source.file.unique = "D";
  options.fitting.draws = 0;
  options.fitting.fit.starts = 8;
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_transfer(options, out, log), tests::has_text("--unique D: law two-stage"));
}

TEST_CASE(
    "Continued runs on one ray have no crossing and no frontier by the laws, and it says so") {
  const tests::TempFolder folder;
  const TransferWorld world;
  std::string text = "N,D,loss,stage\n";
  for (double n = 5e7; n < 2e9; n *= 2) {
    for (const double ratio : {5.0, 10.0, 20.0, 40.0}) {
      const auto row = [&](double loss, const char* stage) {
        char line[120];
        std::snprintf(line, sizeof line, "%.0f,%.0f,%.4f,%s\n", n, n * ratio, loss, stage);
        text += line;
      };
      row(world.scratch_loss(n, n * ratio), "scratch");
      if (ratio == 20) row(world.continued_loss(n, n * ratio), "continued");
    }
  }
  TransferCommandOptions options;
  options.source.file.path = folder.write("runs.csv", text).string();
  options.fitting.draws = 50;
  options.fitting.fit.starts = 16;
  options.output.json = true;
  for (const char* law : {"two-stage", "joint"}) {
    options.fitting.fit.law = law;
    std::ostringstream out, log;
    REQUIRE(run_transfer(options, out, log) == 0);
    const nlohmann::json line = nlohmann::json::parse(out.str()).at("languages").at(0);
    CHECK(line.at("no_crossing").is_string());
    for (const nlohmann::json& each : line.at("crossings")) {
      CHECK(each.at("law_tokens").is_null());
      CHECK(each.at("continued_better_below").is_null());
    }
    CHECK(line.at("frontier_law").is_null());
    CHECK(line.at("rows").at(0).at("law_saved_share").is_number());  // on the ray
  }
}

TEST_CASE("A sweep is answered by its stored fits, and its replay planned") {
  const tests::TempFolder folder;
  TransferWorld world;
  world.every = 8;
  world.replay = {0, 0.05, 0.2};
  db::RunStore store = tests::simulate(world, folder.path());
  const Observations observations(store, ParamsCount::kAll);
  SweepFitOptions fitting;
  fitting.fit.starts = 16;
  fitting.fit.draws = 60;
  store_fits(store, observations, fit_sweep(observations, fitting, [](const std::string&) {}));

  TransferCommandOptions options;
  options.source.directory = folder.path().string();
  options.output.json = true;
  std::ostringstream out, log;
  REQUIRE(run_transfer(options, out, log) == 0);
  CHECK(log.str().empty());
  const nlohmann::json found = nlohmann::json::parse(out.str());
  REQUIRE(found.at("languages").size() == 3);
  CHECK(found.at("languages").at(0).at("contrast").at("gamma_difference").at("value").is_number());

  ReplayCommandOptions replay;
  replay.folder = options.source.directory;
  replay.plan.draws = 40;
  std::ostringstream text;
  REQUIRE(run_replay(replay, text, log) == 0);
  CHECK(text.str().find("least sum") != std::string::npos);
  replay.output.csv = true;
  std::ostringstream csv;
  REQUIRE(run_replay(replay, csv, log) == 0);
  CHECK(lines_of(csv.str()) == 1 + 5 * 4 * 3);
  replay.plan.weight = 7;
  CHECK_THROWS_WITH(run_replay(replay, csv, log), tests::has_text("weight = 7"));
}

TEST_CASE("Where nothing is continued it is said, with exit code 1") {
  const tests::TempFolder folder;
  TransferWorld world;
  world.every = 20;
  const db::RunStore store = tests::simulate(world, folder.path());
  ReplayCommandOptions replay;
  replay.folder = folder.path().string();
  std::ostringstream out, log;
  CHECK(run_replay(replay, out, log) == 1);
  CHECK(log.str().find("replay = [") != std::string::npos);
  TransferCommandOptions nowhere;
  nowhere.source.directory = (folder.path() / "none").string();
  CHECK_THROWS_WITH(run_transfer(nowhere, out, log), tests::has_text("there is no sweep here"));
}
