#include "apps/commands/allocate_command.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "apps/commands/fit_command.h"
#include "apps/study/sweep_fits.h"
#include "fit/laws/laws.h"
#include "tests/apps/planted_sweep.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

constexpr const char* kPaperScratch = "E=1.55,A=420,alpha=0.4,B=719.5,beta=0.3";

AllocateCommandOptions from_coefficients(const std::string& list) {
  AllocateCommandOptions options;
  options.given.coefficients = list;
  options.flops = {1e20, 1e22};
  return options;
}

std::string temporary(const std::string& name, const std::string& text) {
  const std::string path = (std::filesystem::temp_directory_path() / name).string();
  std::ofstream(path) << text;
  return path;
}

std::string run(const AllocateCommandOptions& options, int expected = 0) {
  std::ostringstream out, log;
  CHECK(run_allocate(options, out, log) == expected);
  return out.str();
}

}  // namespace

TEST_CASE("Typed-in coefficients of the paper give its frontiers") {
  CHECK_THAT(run(from_coefficients(kPaperScratch)),
             has_text("N* = 0.3244 C^0.4286, D* = 0.5138 C^0.5714"));
  CHECK_THAT(run(from_coefficients("E=1.55,A=420,alpha=0.4,B=433.3,beta=0.2,gamma=0.08")),
             has_text("N* = 4.789 C^0.3846, D* = 0.0348 C^0.6154"));
  AllocateCommandOptions wide = from_coefficients(
      std::string(kPaperScratch) + ",B_continued=433.3,beta_continued=0.2,gamma=0.08");
  wide.output.wide = true;
  const std::string both = run(wide);
  CHECK_THAT(both, has_text("scratch: N* = 0.3244") && has_text("continued: N* = 4.789") &&
                       has_text("scratch overtakes at D") && has_text("transferred D") &&
                       has_text("loss, continued - scratch"));
}

TEST_CASE("The paper's printed laws are printed as in the paper, whatever the format") {
  AllocateCommandOptions options = from_coefficients(
      std::string(kPaperScratch) + ",B_continued=433.3,beta_continued=0.2,gamma=0.08");
  options.output.json = true;
  const nlohmann::json json = nlohmann::json::parse(run(options));
  // arXiv 2407.02118, section 3.3: 0.324 C^0.429, 0.514 C^0.571; 4.79 C^0.385, 0.035 C^0.615.
  const double printed[2][4] = {{0.324, 0.429, 0.514, 0.571}, {4.79, 0.385, 0.035, 0.615}};
  for (int s = 0; s < 2; ++s) {
    const nlohmann::json& line = json["frontiers"][s];
    CHECK(line["params_constant"].get<double>() == Approx(printed[s][0]).epsilon(2e-3));
    CHECK(line["params_exponent"].get<double>() == Approx(printed[s][1]).margin(5e-4));
    CHECK(line["tokens_constant"].get<double>() == Approx(printed[s][2]).epsilon(1e-2));
    CHECK(line["tokens_exponent"].get<double>() == Approx(printed[s][3]).margin(5e-4));
  }
  REQUIRE(json["savings"].size() == 2);
  const nlohmann::json& saving = json["savings"][0];
  CHECK(
      saving["transferred_tokens"]["value"].get<double>() ==
      Approx(saving["equal_loss_tokens"]["value"].get<double>() - saving["tokens"].get<double>()));
  CHECK(json["convention"]["compute"] == "C = 6 N D");
  options.output.json = false;
  options.output.csv = true;
  CHECK_THAT(run(options), has_text("transferred_tokens") && has_text("crossing_tokens") &&
                               has_text("params_exponent") && has_text("\n,,joint,continued,"));
  options.output.csv = false;
  options.output.markdown = true;
  CHECK_THAT(run(options), has_text("| N* continued  |    4.789 |   0.3846 |"));
  options.output.markdown = false;
  options.output.latex = true;
  CHECK_THAT(run(options), has_text("D* continued & 0.0348 & 0.6154") && has_text("transferred D"));
}

TEST_CASE("Limits and a ladder of shapes are printed with what they cost") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.limits.max_tokens = 2e10;
  options.limits.inference_tokens = 1e11;
  options.ladder.path = "sweep/presets/paper40.csv";
  options.output.wide = true;
  CHECK_THAT(run(options), has_text("bound by") && has_text("max-tokens, inference") &&
                               has_text("C also serves 100.0B tokens") && has_text("as good") &&
                               has_text("ladder sizes at their own FLOPs a token"));
  options.output = {.json = true};
  const nlohmann::json row = nlohmann::json::parse(run(options))["rows"][1];
  CHECK(row["binding"] == nlohmann::json({"max-tokens", "inference"}));
  CHECK(row["given_up"].get<double>() > 0);
  CHECK(row["ladder"][0]["name"] == row["nearest"]["name"]);
  const double cost = row["nearest"]["flops_per_token"].get<double>();
  CHECK(cost * (row["nearest"]["tokens"].get<double>() + 1e11 / 3) <= 1e22 * (1 + 1e-12));
}

TEST_CASE("A fit keeps its conventions in its JSON, and an allocation goes by them") {
  FitCommandOptions fit;
  fit.source.file.path = planted::data_path("gadre_104.csv");
  fit.source.file.where = {"dataset=rpj"};
  fit.source.file.params = "N_no_emb";
  fit.fitting.draws = 0;
  fit.output.json = true;
  // A column of compute that any other program may have measured.
  std::string text = "N_no_emb,D,C,dataset,loss\n";
  for (const auto& p : planted::reference_points("gadre_rpj_c4val")) {
    text += fmt::format("{},{},{},rpj,{}\n", p.params, p.tokens,
                        9 * std::pow(p.params, 0.98) * p.tokens, p.loss);
  }
  fit.source.file.path = temporary("crosslaw_allocate_measured.csv", text);
  fit.source.file.compute = "C";
  std::ostringstream saved, log;
  run_fit(fit, saved, log);
  const nlohmann::json json = nlohmann::json::parse(saved.str());
  CHECK(json["convention"]["params"] == "column N_no_emb");
  CHECK(json["compute"]["exponent"].get<double>() == Approx(0.98).epsilon(1e-9));
  AllocateCommandOptions options;
  options.given.file = temporary("crosslaw_allocate_measured.json", saved.str());
  options.flops = {1e21};
  options.output.json = true;
  const nlohmann::json found = nlohmann::json::parse(run(options));
  CHECK(found["convention"]["params"] == "column N_no_emb");
  const nlohmann::json& row = found["rows"][0];
  CHECK(9 * std::pow(row["params"].get<double>(), 0.98) * row["tokens"].get<double>() ==
        Approx(1e21).epsilon(1e-6));
  options.six_nd = true;
  const nlohmann::json six = nlohmann::json::parse(run(options));
  CHECK(6 * six["rows"][0]["params"].get<double>() * six["rows"][0]["tokens"].get<double>() ==
        Approx(1e21));
  CHECK(six["convention"]["compute"] == "C = 6 N D");
  std::remove(options.given.file.c_str());
  std::remove(fit.source.file.path.c_str());
}

TEST_CASE("Conventions of a file are compared in every format") {
  AllocateCommandOptions options;
  options.source.file.path = planted::data_path("gadre_104.csv");
  options.source.file.where = {"dataset=rpj"};
  options.conventions = {"all"};
  options.fitting.draws = 0;
  options.fitting.fit.starts = 8;
  CHECK_THAT(run(options), has_text("N_no_emb") && has_text("the conventions move N* by a factor"));
  options.output.latex = true;
  CHECK_THAT(run(options), has_text("\\begin{tabular}") && has_text("% At C = "));
  options.output.latex = false;
  options.output.json = true;
  options.conventions = {"N_no_emb"};
  CHECK(nlohmann::json::parse(run(options))["conventions"].size() == 1);
  options.conventions = {"nonsense"};
  std::ostringstream out, log;
  CHECK_THROWS_AS(run_allocate(options, out, log), std::invalid_argument);
  options.source.file.path.clear();
  CHECK_THROWS_WITH(run_allocate(options, out, log), has_text("needs --data"));
}

TEST_CASE("A saved fit allocates like the data it came from, intervals included") {
  FitCommandOptions fit;
  fit.source.file.path = planted::data_path("gadre_104.csv");
  fit.source.file.where = {"dataset=rpj"};
  fit.fitting.fit.law = "chinchilla";
  fit.fitting.draws = 50;
  fit.output.json = true;
  std::ostringstream saved, log;
  run_fit(fit, saved, log);
  AllocateCommandOptions from_file;
  from_file.given.file = temporary("crosslaw_allocate_fit.output.json", saved.str());
  from_file.flops = {1e19, 1e21};
  from_file.output.json = true;
  AllocateCommandOptions from_data = from_file;
  from_data.given.file.clear();
  from_data.source = fit.source;
  from_data.fitting = fit.fitting;
  const std::string text = run(from_file);
  std::remove(from_file.given.file.c_str());
  // Forecasts of new runs come from the points, which a saved fit has not.
  nlohmann::ordered_json whole = nlohmann::ordered_json::parse(run(from_data));
  for (nlohmann::ordered_json& row : whole["rows"]) {
    CHECK(row["forecast"].is_object());
    row.erase("forecast");
  }
  CHECK(nlohmann::ordered_json::parse(text) == whole);
  const nlohmann::json json = nlohmann::json::parse(text);
  CHECK(json["rows"].size() == 2);
  CHECK(json["rows"][0]["params_ci95"].size() == 2);
}

TEST_CASE("Every table format is printed") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.output.markdown = true;
  CHECK_THAT(run(options),
             Catch::Matchers::StartsWith("N: as in the fit; C = 6 N D; loss: in the unit "
                                         "of the coefficients\n\n| growth") &&
                 has_text("\n| C (FLOPs)"));
  options.output.markdown = false;
  options.output.latex = true;
  CHECK_THAT(run(options), has_text("\\begin{tabular}") && has_text("$10^{20}$"));
  options.output.latex = false;
  options.output.csv = true;
  CHECK_THAT(run(options), Catch::Matchers::StartsWith("language,fit,law,strategy,flops,params,"));
  options.output.json = true;
  std::ostringstream out, log;
  CHECK_THROWS_AS(run_allocate(options, out, log), std::invalid_argument);
}

TEST_CASE("A ladder file gives the size to train") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.ladder.path = temporary("crosslaw_allocate_ladder.csv",
                                  "name,params,flops_per_token\n100M,1e8,7e8\n900M,9e8,5.5e9\n");
  const std::string text = run(options);
  std::remove(options.ladder.path.c_str());
  CHECK_THAT(text, has_text("ladder") && has_text("100M") && has_text("900M"));
}

TEST_CASE("A degenerate fit ends with code 1 and nothing on the output, unless accepted") {
  AllocateCommandOptions options;
  options.source.file.path = planted::data_path("cerebras_gpt_pile.csv");
  options.fitting.draws = 0;
  options.flops = {1e22};
  std::ostringstream out, log;
  CHECK(run_allocate(options, out, log) == 1);
  CHECK(out.str().empty());
  CHECK_THAT(log.str(), has_text("no allocation: every point has nearly the same tokens"));
  CHECK_THAT(log.str(), has_text("--accept-unidentified"));
  options.accept_unidentified = true;
  CHECK_FALSE(run(options).empty());
}

TEST_CASE("Flags that an allocation would ignore are refused") {
  AllocateCommandOptions options;
  options.fitting.fit.law.clear();
  options.given.coefficients = "beta=0.3,E=1.55,A=420,alpha=0.4,B=719.5";
  options.flops = {1e21};
  options.source.file.where = {"N=1"};
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_allocate(options, out, log), has_text("say how to fit --data FILE"));
  options.source.file.where.clear();
  CHECK(run_allocate(options, out, log) == 0);
}

TEST_CASE("Exactly one source must be named") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.given.file = "fit.output.json";
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_allocate(options, out, log), has_text("exactly one of"));
  CHECK_THROWS_AS(run_allocate({}, out, log), std::invalid_argument);
}

TEST_CASE("A sweep is allocated by its stored fits, over its own budgets and ladder") {
  const crosslaw::tests::TempFolder folder;
  db::RunStore store = crosslaw::tests::planted_store(folder);
  const Observations observations(store, ParamsCount::kAll);
  SweepFitOptions settings;
  settings.fit.draws = 10;
  store_fits(store, observations, fit_sweep(observations, settings, [](const std::string&) {}));
  AllocateCommandOptions options;
  options.source.directory = folder.path().string();
  options.fitting.draws = 20;  // of forecasts
  CHECK_THAT(run(options), Catch::Matchers::StartsWith("fr, ") && has_text("held-out error") &&
                               has_text("\n\nscratch: N* = ") && has_text("forecast"));
  options.fitting.draws = 0;
  const std::string chosen = stored_fits(store, observations)[0].choice.name;
  options.output = {.csv = true};
  CHECK_THAT(run(options), Catch::Matchers::StartsWith("language,fit,law,strategy,flops,") &&
                               has_text("\nfr," + chosen + "," + chosen + ",continued,"));
  options.output = {.json = true};
  const nlohmann::json json = nlohmann::json::parse(run(options));
  CHECK(json.at("rows").at(0).at("language") == "fr");
  CHECK(json.at("languages").at(0).at("frontiers").size() == 2);
  options.output = {.plot = (folder / "charts.svg").string()};
  run(options);
  CHECK_THAT(crosslaw::tests::read_file(options.output.plot),
             has_text("Allocation of ") && has_text("fr, " + chosen + ": "));
  options.output = {};
  options.fitting.fit.law = "chinchilla";
  CHECK_THAT(run(options), Catch::Matchers::StartsWith("fr, scratch (as asked for)"));
  options.fitting.fit.law = "outer";
  {
    std::ostringstream out, log;
    CHECK_THROWS_WITH(run_allocate(options, out, log), has_text("crosslaw export"));
  }
  options.fitting.fit.law.clear();
  options.source.file.path = "runs.csv";
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_allocate(options, out, log), has_text("exactly one of"));
}
