#include "apps/commands/frontier_methods.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/commands/fit_command.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

FitCommandOptions with_method(const char* method, const char* file = "chinchilla_epoch.csv") {
  FitCommandOptions options;
  options.source.file.path = planted::data_path(file);
  options.fitting.fit.law.clear();
  options.fitting.draws = 40;
  options.method.method = method;
  return options;
}

}  // namespace

TEST_CASE("fit --method isoflop prints text, JSON and tables that name their data") {
  FitCommandOptions options = with_method("isoflop");
  std::ostringstream text, json, csv, log;
  CHECK(run_fit(options, text, log) == 0);
  CHECK_THAT(text.str(),
             has_text("245 of 245 rows") && has_text("C: 6ND; loss: column loss, taken for nats"));
  CHECK(log.str().empty());
  options.output.json = true;
  options.method.flops = {1e21};
  CHECK(run_fit(options, json, log) == 0);
  const nlohmann::json parsed = nlohmann::json::parse(json.str());
  CHECK(parsed["data"]["used"] == 245);
  CHECK(parsed["rows"][0]["params"].get<double>() == Approx(2.754e9).epsilon(1e-3));
  CHECK_THAT(log.str(), has_text("crosslaw fit: C = "));
  options.output.json = false;
  options.output.csv = true;
  run_fit(options, csv, log);
  CHECK_THAT(csv.str(), Catch::Matchers::StartsWith("language,fit,law,flops,params,") &&
                            has_text("params_law_exponent") && has_text("loss_convention"));
  // One table: the budgets that were asked for.
  const std::string table = csv.str();
  CHECK(std::count(table.begin(), table.end(), '\n') == 2);
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);
  const auto columns = std::count(line.begin(), line.end(), ',');
  while (std::getline(lines, line)) CHECK(std::count(line.begin(), line.end(), ',') >= columns);
}

TEST_CASE("fit --method envelope interpolates the runs that --cluster names") {
  FitCommandOptions options = with_method("envelope", "gemstones_hot.csv");
  options.source.file.cluster = "run_name";
  options.output.json = true;
  std::ostringstream out, log;
  CHECK(run_fit(options, out, log) == 0);
  const nlohmann::json json = nlohmann::json::parse(out.str());
  CHECK(json["interpolated"] == true);
  CHECK(json["runs"] == 22);
}

TEST_CASE("Without a usable budget the exit code is 1 and nothing is printed") {
  std::ostringstream out, log;
  CHECK(run_fit(with_method("isoflop", "olmo_ladder_c4.csv"), out, log) == 1);
  CHECK(out.str().empty());
  CHECK_THAT(log.str(), has_text("no budget has a usable minimum") && has_text("at least 4"));
}

TEST_CASE("Options that do not go together are refused before anything is printed") {
  std::ostringstream out, log;
  const auto refuses = [&](const FitCommandOptions& options, const std::string& what) {
    CHECK_THROWS_WITH(run_fit(options, out, log), has_text(what));
  };
  refuses(with_method("parabola"), "isoflop or envelope");
  FitCommandOptions options = with_method("isoflop");
  options.fitting.fit.law = "chinchilla";
  refuses(options, "leave out --law");
  options = with_method("isoflop");
  options.fitting.resampling = "clusters";
  refuses(options, "needs --cluster");
  options = with_method("isoflop");
  options.source.directory = "sweep";
  refuses(options, "not both");
  options = with_method("isoflop");
  options.output.json = options.output.latex = true;
  refuses(options, "exclude each other");
  options = with_method("isoflop");
  options.method.same_budget_percent = -1;
  refuses(options, "same_budget");
  options = with_method("isoflop");
  options.evidence.profile = true;
  refuses(options, "--method fits no law");
  options = with_method("");
  options.method.flops = {1e21};
  refuses(options, "needs --method");
  CHECK(out.str().empty());
}
