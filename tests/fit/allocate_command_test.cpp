#include "apps/allocate_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kPaperScratch = "E=1.55,A=420,alpha=0.4,B=719.5,beta=0.3";

AllocateCommandOptions from_coefficients(const std::string& list) {
  AllocateCommandOptions options;
  options.coefficients = list;
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
             Contains("N* = 0.3244 C^0.4286, D* = 0.5138 C^0.5714"));
  CHECK_THAT(run(from_coefficients("E=1.55,A=420,alpha=0.4,B=433.3,beta=0.2,gamma=0.08")),
             Contains("N* = 4.789 C^0.3846, D* = 0.0348 C^0.6154"));
  const std::string both = run(from_coefficients(
      std::string(kPaperScratch) + ",B_continued=433.3,beta_continued=0.2,gamma=0.08"));
  CHECK_THAT(both, Contains("scratch: N* = 0.3244") && Contains("continued: N* = 4.789") &&
                       Contains("scratch overtakes at D"));
}

TEST_CASE("A saved fit allocates like the data it came from, intervals included") {
  FitCommandOptions fit;
  fit.data.file.path = planted::data_path("gadre_104.csv");
  fit.data.file.where = {"dataset=rpj"};
  fit.data.fit.law = "chinchilla";
  fit.data.draws = 50;
  fit.json = true;
  std::ostringstream saved, log;
  run_fit(fit, saved, log);
  AllocateCommandOptions from_file;
  from_file.fit_file = temporary("crosslaw_allocate_fit.json", saved.str());
  from_file.flops = {1e19, 1e21};
  from_file.json = true;
  AllocateCommandOptions from_data = from_file;
  from_data.fit_file.clear();
  from_data.data = fit.data;
  const std::string text = run(from_file);
  std::remove(from_file.fit_file.c_str());
  CHECK(text == run(from_data));
  const nlohmann::json json = nlohmann::json::parse(text);
  CHECK(json["rows"].size() == 2);
  CHECK(json["rows"][0]["params_ci95"].size() == 2);
}

TEST_CASE("Every table format is printed") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.markdown = true;
  CHECK_THAT(run(options), Catch::Matchers::StartsWith("| C (FLOPs)"));
  options.markdown = false;
  options.latex = true;
  CHECK_THAT(run(options), Contains("\\begin{tabular}"));
  options.latex = false;
  options.csv = true;
  CHECK_THAT(run(options), Catch::Matchers::StartsWith("strategy,flops,params,"));
  options.json = true;
  std::ostringstream out, log;
  CHECK_THROWS_AS(run_allocate(options, out, log), std::invalid_argument);
}

TEST_CASE("A ladder file gives the size to train") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.ladder_file = temporary("crosslaw_allocate_ladder.csv",
                                  "name,params,flops_per_token\n100M,1e8,7e8\n900M,9e8,5.5e9\n");
  const std::string text = run(options);
  std::remove(options.ladder_file.c_str());
  CHECK_THAT(text, Contains("ladder") && Contains("100M") && Contains("900M"));
}

TEST_CASE("A degenerate fit ends with code 1 and nothing on the output, unless accepted") {
  AllocateCommandOptions options;
  options.data.file.path = planted::data_path("cerebras_gpt_pile.csv");
  options.data.draws = 0;
  options.flops = {1e22};
  std::ostringstream out, log;
  CHECK(run_allocate(options, out, log) == 1);
  CHECK(out.str().empty());
  CHECK_THAT(log.str(), Contains("no allocation: every point has nearly the same tokens"));
  CHECK_THAT(log.str(), Contains("--accept-unidentified"));
  options.accept_unidentified = true;
  CHECK_FALSE(run(options).empty());
}

TEST_CASE("Coefficients that fit no law are refused with the laws") {
  CHECK_THROWS_WITH(parse_coefficients("E=1,A=2"), Contains("chinchilla: E A alpha B beta"));
  CHECK_THROWS_WITH(parse_coefficients("E=1,A"), Contains("'A' is not NAME=NUMBER"));
  CHECK_THROWS_WITH(parse_coefficients("E=one"), Contains("is not NAME=NUMBER"));
  CHECK_THROWS_WITH(parse_coefficients("E=1.55,A=-420,alpha=0.4,B=719.5,beta=0.3"),
                    Contains("A = -420"));
  CHECK(parse_coefficients("beta=0.3,E=1.55,A=420,alpha=0.4,B=719.5").value("beta") == 0.3);
}

TEST_CASE("Exactly one source must be named") {
  AllocateCommandOptions options = from_coefficients(kPaperScratch);
  options.fit_file = "fit.json";
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_allocate(options, out, log), Contains("exactly one of"));
  CHECK_THROWS_AS(run_allocate({}, out, log), std::invalid_argument);
}
