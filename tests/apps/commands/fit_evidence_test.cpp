#include "apps/commands/fit_evidence.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/commands/fit_command.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

FitCommandOptions evidence_of_240() {
  FitCommandOptions options;
  options.source.file.path = planted::data_path("chinchilla_epoch.csv");
  options.source.file.where = {"in_240=1"};
  options.fitting.fit.law.clear();
  options.fitting.draws = 40;
  return options;
}

std::string evidence_printed(const FitCommandOptions& options) {
  std::ostringstream out, log;
  CHECK(run_fit(options, out, log) == 0);
  return out.str();
}

}  // namespace

TEST_CASE("fit --json carries everything that was asked for") {
  FitCommandOptions options = evidence_of_240();
  options.output.json = true;
  options.evidence.profile = true;
  options.evidence.influence = true;
  options.evidence.predict = {"7e9:1.4e11", "7e10:1.4e12"};
  options.evidence.holdout = {"largest-compute"};
  options.evidence.laws = {"chinchilla", "extended"};
  options.evidence.flops = 1e22;
  const nlohmann::json json = nlohmann::json::parse(evidence_printed(options));
  REQUIRE(json["profiles"].size() == 6);
  CHECK(json["profiles"][5]["name"] == "N*");
  CHECK(json["profiles"][4]["ci95"][0].get<double>() < 0.36717);
  CHECK(json["profiles"][4]["values"].size() == json["profiles"][4]["objective"].size());
  CHECK(json["predictions"].size() == 2);
  CHECK(json["predictions"][0]["loss"].get<double>() == Approx(2.16).epsilon(0.01));
  CHECK(json["predictions"][1]["warnings"].size() == 1);
  CHECK(json["holdout"]["splits"][0]["train"] == 221);
  CHECK(json["holdout"]["laws"][1]["mean_error"].get<double>() == Approx(0.0078).margin(6e-5));
  CHECK(json["holdout"]["supported"] == "extended");
  CHECK(json["influence"]["flops"] == 1e22);
  CHECK(json["influence"]["runs"].size() == 240);
  CHECK_THAT(json["influence"]["runs"][0]["run"].get<std::string>(), has_text("line "));
  CHECK(json["draws"]["rows"].size() == 40);
}

TEST_CASE("fit without questions prints what it did before") {
  FitCommandOptions options = evidence_of_240();
  options.output.json = true;
  const nlohmann::json json = nlohmann::json::parse(evidence_printed(options));
  for (const char* key : {"profiles", "predictions", "holdout", "influence"}) {
    CHECK_FALSE(json.contains(key));
  }
}

TEST_CASE("Text follows the coefficients, and CSV is the table that was asked for") {
  FitCommandOptions options = evidence_of_240();
  options.evidence.holdout = {"rollout"};
  options.evidence.laws = {"chinchilla"};
  options.evidence.predict = {"7e9:1.4e11"};
  const std::string text = evidence_printed(options);
  CHECK(text.find("optimum certified") < text.find("predicted losses"));
  CHECK_THAT(text, has_text("150, 180, 210 points train"));
  options.output.csv = true;
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_fit(options, out, log), has_text("print one table"));
  options.evidence.predict.clear();
  CHECK_THAT(evidence_printed(options),
             Catch::Matchers::StartsWith("language,fit,law,coefficients,objective"));
  options.evidence.holdout.clear();
  options.evidence.laws.clear();
  options.evidence.influence = true;
  CHECK_THAT(evidence_printed(options),
             Catch::Matchers::StartsWith("language,fit,law,run,line,points,log_params,log E"));
  options.evidence.influence = false;
  options.evidence.profile = true;
  CHECK_THAT(
      evidence_printed(options),
      Catch::Matchers::StartsWith("language,fit,law,name,value,objective,limit,params_convention,"
                                  "compute_convention,loss_convention\n,,chinchilla,E,"));
}

TEST_CASE("Rows of the file are held out by conditions, and runs go by their names") {
  FitCommandOptions options;
  options.source.file.path = planted::data_path("gemstones_cool_end.csv");
  options.source.file.cluster = "run_name";
  options.fitting.fit.law.clear();
  options.fitting.draws = 0;
  options.output.json = true;
  options.evidence.influence = true;
  options.evidence.holdout = {"width=3072", "run_name=PyGemma-256x23_pretrain"};
  options.evidence.laws = {"chinchilla"};
  const nlohmann::json json = nlohmann::json::parse(evidence_printed(options));
  CHECK(json["holdout"]["splits"][0]["test"] == 19);
  CHECK(json["holdout"]["test_runs"] == 2);
  CHECK_THAT(json["influence"]["runs"][0]["run"].get<std::string>(), has_text("PyGemma-"));
}

TEST_CASE("Questions that make no sense are refused before anything is printed") {
  std::ostringstream out, log;
  const auto refuses = [&](const FitCommandOptions& options, const std::string& what) {
    CHECK_THROWS_WITH(run_fit(options, out, log), has_text(what));
  };
  for (const char* run : {"7e9", "7e9:", ":1e9", "7e9:many", "-1:1e9", "7e9:0", "nan:1e9"}) {
    FitCommandOptions options = evidence_of_240();
    options.evidence.predict = {run};
    refuses(options, "is not N:D");
  }
  FitCommandOptions options = evidence_of_240();
  options.evidence.holdout = {"newest"};
  refuses(options, "'newest' is not known");
  options.evidence.holdout = {"rollout", "N>1e9"};
  refuses(options, "takes one rule");
  options.evidence.holdout = {"size>1e9"};
  refuses(options, "size");
  options = evidence_of_240();
  options.evidence.laws = {"chinchilla"};
  refuses(options, "--laws needs --holdout");
  options = evidence_of_240();
  options.evidence.flops = 1e22;
  refuses(options, "--at needs");
  options.evidence.profile = true;
  options.evidence.flops = -1;
  refuses(options, "--at -1");
  CHECK(out.str().empty());
}
