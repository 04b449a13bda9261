#include "apps/commands/fit_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "apps/study/sweep_fits.h"
#include "tests/apps/planted_sweep.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

FitCommandOptions chinchilla_240() {
  FitCommandOptions options;
  options.source.file.path = planted::data_path("chinchilla_epoch.csv");
  options.source.file.where = {"in_240=1"};
  options.fitting.fit.law.clear();
  options.fitting.draws = 40;
  return options;
}

// A file of its own in the temporary directory, removed at the end of the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text)
      : path_((std::filesystem::temp_directory_path() /
               ("crosslaw_fit_command_" + std::to_string(++count_) + ".csv"))
                  .string()) {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  static inline int count_ = 0;
  std::string path_;
};

std::string strategies_csv() {
  std::ostringstream out;
  out.precision(17);
  out << "N,D,loss,how,run\n";
  for (const fit::Point& p : planted::two_strategies(0.003)) {
    out << p.params << "," << p.tokens << "," << p.loss << ","
        << (p.stage == fit::Stage::kScratch ? "scratch" : "continued") << "," << p.cluster << "\n";
  }
  return out.str();
}

}  // namespace

TEST_CASE("fit --json prints one object that names its data") {
  FitCommandOptions options = chinchilla_240();
  options.output.json = true;
  std::ostringstream out, log;
  CHECK(run_fit(options, out, log) == 0);
  const nlohmann::json json = nlohmann::json::parse(out.str());
  CHECK(json["objective"].get<double>() <= 0.00101827412);
  CHECK(json["coefficients"]["alpha"]["value"].get<double>() == Approx(0.3473).epsilon(1e-3));
  CHECK(json["coefficients"]["beta"]["value"].get<double>() == Approx(0.3672).epsilon(1e-3));
  CHECK(json["data"]["used"] == 240);
  CHECK(json["data"]["rows"] == 245);
  CHECK(json["draws"]["rows"].size() == 40);
  CHECK(log.str().empty());
  options.no_draws = true;
  std::ostringstream short_out;
  run_fit(options, short_out, log);
  CHECK_FALSE(nlohmann::json::parse(short_out.str()).contains("draws"));
}

TEST_CASE("Text and CSV say the same coefficients") {
  FitCommandOptions options = chinchilla_240();
  std::ostringstream text, csv, log;
  run_fit(options, text, log);
  CHECK_THAT(text.str(), has_text("240 of 245 rows"));
  CHECK_THAT(text.str(), has_text("0.367172"));
  options.output.csv = true;
  run_fit(options, csv, log);
  CHECK_THAT(csv.str(), has_text("beta,0.36717"));
  options.output.json = true;
  CHECK_THROWS_AS(run_fit(options, csv, log), std::invalid_argument);
}

TEST_CASE("The coefficients come as Markdown and LaTeX tables as well") {
  FitCommandOptions options = chinchilla_240();
  options.output.latex = true;
  std::ostringstream latex, markdown, profile, log;
  run_fit(options, latex, log);
  CHECK_THAT(latex.str(), has_text("\\toprule") && has_text("$\\beta$ & 0.367172") &&
                              has_text("\\caption{$L = E + A/N^{\\alpha} + B/D^{\\beta}$"));
  options.output.latex = false;
  options.output.markdown = true;
  run_fit(options, markdown, log);
  CHECK_THAT(markdown.str(), has_text("| beta") && has_text("0.367172"));
  options.evidence.profile = true;
  run_fit(options, profile, log);
  CHECK_THAT(profile.str(), has_text("| N*"));
  options.output.latex = true;
  CHECK_THROWS_WITH(run_fit(options, profile, log), has_text("exclude each other"));
}

TEST_CASE("A stage column means the two-stage fit, a cluster column means runs share noise") {
  const TemporaryFile file(strategies_csv());
  FitCommandOptions options;
  options.fitting.fit.law.clear();
  options.fitting.draws = 30;
  options.fitting.fit.starts = 8;
  options.source.file.path = file.path();
  options.source.file.stage = "how";
  options.source.file.cluster = "run";
  options.output.json = true;
  std::ostringstream out, log;
  run_fit(options, out, log);
  const nlohmann::json json = nlohmann::json::parse(out.str());
  CHECK(json["law"] == "two-stage");
  CHECK(json["bootstrap"]["kind"] == "parametric");
  CHECK_THAT(json["bootstrap"].dump(), has_text("each with its points"));
  CHECK(json["coefficients"]["gamma"]["value"].get<double>() ==
        Approx(planted::kGamma).margin(0.05));
  CHECK(json["stages"]["scratch"]["points"] == 80);
}

TEST_CASE("Problems go to the log when the output is for programs") {
  FitCommandOptions options;
  options.fitting.fit.law.clear();
  options.fitting.draws = 0;
  options.source.file.path = planted::data_path("cerebras_gpt_pile.csv");
  options.output.json = true;
  std::ostringstream out, log;
  CHECK(run_fit(options, out, log) == 0);
  CHECK(nlohmann::json::parse(out.str())["identifiable"] == false);
  CHECK_THAT(log.str(), has_text("crosslaw fit: every point has nearly the same tokens"));
}

TEST_CASE("Bad input is thrown before anything is printed") {
  std::ostringstream out, log;
  const auto refuses = [&](FitCommandOptions options, const std::string& what) {
    CHECK_THROWS_WITH(run_fit(options, out, log), has_text(what));
  };
  refuses({}, "--data FILE");
  FitCommandOptions options = chinchilla_240();
  options.fitting.fit.law = "quartic";
  refuses(options, "quartic");
  options = chinchilla_240();
  options.fitting.fit.law = "joint";
  refuses(options, "needs --stage");
  options = chinchilla_240();
  options.fitting.resampling = "clusters";
  refuses(options, "needs --cluster");
  options = chinchilla_240();
  options.fitting.resampling = "jackknife";
  refuses(options, "jackknife");
  options = chinchilla_240();
  options.source.file.where = {"in_240=1", "N<6e7"};
  refuses(options, "cannot fit 5 coefficients");
  options = chinchilla_240();
  options.fitting.draws = -1;
  refuses(options, "--bootstrap -1");
  options = chinchilla_240();
  options.source.exact_flops = true;
  refuses(options, "--compute");
  options = chinchilla_240();
  options.conventions = {"N"};
  options.evidence.profile = true;
  refuses(options, "--n-conventions prints one table");
  options = chinchilla_240();
  options.output.plot = "/no/such/folder/fit.svg";
  refuses(options, "there is no folder /no/such/folder");
  CHECK(out.str().empty());
}

namespace {

// A sweep whose fits are stored, with few refits to be quick.
class FittedSweep {
 public:
  FittedSweep() {
    db::RunStore store = tests::planted_store(folder_);
    const Observations observations(store, ParamsCount::kAll);
    SweepFitOptions settings;
    settings.fit.draws = 20;
    store_fits(store, observations, fit_sweep(observations, settings, [](const std::string&) {}));
  }

  FitCommandOptions options() const {
    FitCommandOptions out;
    out.source.directory = folder_.path().string();
    return out;
  }

  std::filesystem::path file(const char* name) const { return folder_ / name; }

 private:
  tests::TempFolder folder_;
};

std::string printed(const FitCommandOptions& options) {
  std::ostringstream out, log;
  CHECK(run_fit(options, out, log) == 0);
  return out.str();
}

std::size_t lines_of(const std::string& text, const std::string& start) {
  std::istringstream lines(text);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) count += line.starts_with(start);
  return count;
}

}  // namespace

TEST_CASE("What N, C and the loss are stands in every form, and what is held in the CSV") {
  FitCommandOptions options = chinchilla_240();
  options.fitting.fit.constraints = {{"E", 1.8, {}}};
  options.fitting.draws = 20;
  const std::string what = "N: column N; C: 6ND; loss: column loss, taken for nats";
  CHECK_THAT(printed(options), has_text(what));
  options.output = {.markdown = true};
  CHECK_THAT(printed(options), Catch::Matchers::StartsWith(what + "\n\n|"));
  options.output = {.latex = true};
  CHECK_THAT(printed(options), Catch::Matchers::StartsWith("% " + what) &&
                                   has_text("loss: column loss, taken for nats."));
  options.output = {.csv = true};
  const std::string csv = printed(options);
  CHECK_THAT(csv,
             has_text("identifiable,held,params_convention,compute_convention,loss_convention"));
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(",E,") != line.npos) CHECK_THAT(line, has_text(",fixed,column N,6ND,"));
    if (line.find(",alpha,") != line.npos) CHECK_THAT(line, has_text(",1,,column N,6ND,"));
  }
}

TEST_CASE("The fits of a sweep are printed in every form that a file's fit has") {
  const FittedSweep sweep;
  FitCommandOptions options = sweep.options();
  const std::string text = printed(options);
  CHECK(lines_of(text, sweep.options().source.directory + " (fr): ") == 3);
  CHECK_THAT(text, has_text("two-stage: L = ") && has_text("joint: L = "));

  options.output = {.json = true};
  const nlohmann::json json = nlohmann::json::parse(printed(options));
  REQUIRE(json.at("fits").size() == 3);
  CHECK(json.at("fits").at(1).at("language") == "fr");
  CHECK(json.at("fits").at(1).at("name") == "two-stage");
  CHECK(json.at("fits").at(1).at("data").at("used") == 240);
  CHECK(json.at("fits").at(1).at("draws").at("rows").size() == 20);

  options.output = {.csv = true};
  const std::string csv = printed(options);
  CHECK(lines_of(csv, "language,fit,law,coefficient,value,se,") == 1);
  CHECK(lines_of(csv, "fr,scratch,chinchilla,") == 5);
  CHECK(lines_of(csv, "fr,two-stage,two-stage,") == 8);
  CHECK(lines_of(csv, "fr,joint,joint,") == 8);

  options.output = {.markdown = true};
  // 5 + 8 + 8 coefficients, and a, b, N*, D* and D*/N* of 1 + 2 + 2 strategies.
  CHECK(lines_of(printed(options), "| fr ") == 46);
  options.output = {.latex = true};
  CHECK(lines_of(printed(options), "fr & ") == 46);
}

TEST_CASE("What is asked of a file's fit may be asked of a sweep's") {
  const FittedSweep sweep;
  FitCommandOptions options = sweep.options();
  options.fitting.fit.law = "chinchilla";
  options.fitting.fit.starts = 8;
  options.fitting.draws = 20;
  options.evidence.profile = true;
  options.evidence.predict = {"7e9:1.4e11"};
  options.evidence.holdout = {"largest-compute"};
  options.evidence.laws = {"chinchilla", "kaplan"};
  const std::string text = printed(options);
  CHECK_THAT(text, has_text("profile intervals") && has_text("predicted losses") &&
                       has_text("held-out test"));
  options.evidence = {};
  options.evidence.profile = true;
  options.output = {.csv = true};
  CHECK(lines_of(printed(options), "fr,scratch,chinchilla,alpha,") > 3);
  options.evidence = {};
  options.evidence.holdout = {"largest-compute"};
  options.evidence.laws = {"chinchilla", "kaplan"};
  const std::string csv = printed(options);
  CHECK(lines_of(csv, "language,fit,law,coefficients,") == 1);
  CHECK(lines_of(csv, "fr,scratch,kaplan,") == 1);
  options.evidence.holdout = {"size=49M"};
  std::ostringstream out, log;
  CHECK_THROWS_WITH(run_fit(options, out, log), has_text("crosslaw export"));
}

TEST_CASE("The charts of a sweep's fits stand in one file, each under its name") {
  const FittedSweep sweep;
  FitCommandOptions options = sweep.options();
  options.fitting.fit.starts = 8;
  options.fitting.draws = 20;
  options.output.plot = sweep.file("fits.html").string();
  printed(options);
  const std::string page = tests::read_file(options.output.plot);
  for (const char* name : {"fr, scratch: ", "fr, two-stage: ", "fr, joint: "}) {
    CHECK_THAT(page, has_text(std::string("<h2>") + name + "Coefficients</h2>"));
  }
}

TEST_CASE("Each strategy of a sweep has its envelope") {
  const FittedSweep sweep;
  FitCommandOptions options = sweep.options();
  options.method.method = "envelope";
  options.fitting.draws = 0;
  CHECK_THAT(printed(options),
             has_text(" (fr), scratch: 120 of ") && has_text(" (fr), continued: 120 of "));
  options.output = {.json = true};
  const nlohmann::json json = nlohmann::json::parse(printed(options));
  REQUIRE(json.at("fits").size() == 2);
  CHECK(json.at("fits").at(1).at("strategy") == "continued");
  options.output = {.csv = true};
  const std::string csv = printed(options);
  CHECK(lines_of(csv, "language,fit,law,params,flops_low,") == 1);
  CHECK(lines_of(csv, "fr,continued,envelope,") > 3);
}
