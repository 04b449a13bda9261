#include "apps/commands/fit_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using Catch::Matchers::Contains;

namespace {

FitCommandOptions chinchilla_240() {
  FitCommandOptions options;
  options.data.file.path = planted::data_path("chinchilla_epoch.csv");
  options.data.file.where = {"in_240=1"};
  options.data.fit.law.clear();
  options.data.draws = 40;
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
  options.json = true;
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
  CHECK_THAT(text.str(), Contains("240 of 245 rows"));
  CHECK_THAT(text.str(), Contains("0.367172"));
  options.csv = true;
  run_fit(options, csv, log);
  CHECK_THAT(csv.str(), Contains("beta,0.36717"));
  options.json = true;
  CHECK_THROWS_AS(run_fit(options, csv, log), std::invalid_argument);
}

TEST_CASE("The coefficients come as Markdown and LaTeX tables as well") {
  FitCommandOptions options = chinchilla_240();
  options.latex = true;
  std::ostringstream latex, markdown, profile, log;
  run_fit(options, latex, log);
  CHECK_THAT(latex.str(), Contains("\\toprule") && Contains("beta & 0.367172"));
  options.latex = false;
  options.markdown = true;
  run_fit(options, markdown, log);
  CHECK_THAT(markdown.str(), Contains("| beta") && Contains("0.367172"));
  options.evidence.profile = true;
  run_fit(options, profile, log);
  CHECK_THAT(profile.str(), Contains("| N*"));
  options.latex = true;
  CHECK_THROWS_WITH(run_fit(options, profile, log), Contains("exclude each other"));
}

TEST_CASE("A fit of a file hands on what was read: points, their lines and their clusters") {
  DataFitOptions options;
  options.file.path = planted::data_path("gemstones_hot.csv");
  options.file.cluster = "run_name";
  options.draws = 0;
  DataOrigin origin;
  const fit::FitResult fit = fit_data(options, origin);
  CHECK(origin.data.points.size() == static_cast<std::size_t>(fit.points));
  CHECK(origin.data.points[0].params == 543482880);
  CHECK(origin.data.lines.at(0) == 2);
  CHECK(origin.data.clusters.size() == 22);
  CHECK(origin.data.clusters.at(0) == "PyGemma-1024x28_pretrain");
}

TEST_CASE("A stage column means the two-stage fit, a cluster column means runs are resampled") {
  const TemporaryFile file(strategies_csv());
  FitCommandOptions options;
  options.data.fit.law.clear();
  options.data.draws = 30;
  options.data.fit.starts = 8;
  options.data.file.path = file.path();
  options.data.file.stage = "how";
  options.data.file.cluster = "run";
  options.json = true;
  std::ostringstream out, log;
  run_fit(options, out, log);
  const nlohmann::json json = nlohmann::json::parse(out.str());
  CHECK(json["law"] == "two-stage");
  CHECK(json["bootstrap"]["kind"] == "clusters");
  CHECK(json["coefficients"]["gamma"]["value"].get<double>() ==
        Approx(planted::kGamma).margin(0.05));
  CHECK(json["stages"]["scratch"]["points"] == 80);
}

TEST_CASE("Problems go to the log when the output is for programs") {
  FitCommandOptions options;
  options.data.fit.law.clear();
  options.data.draws = 0;
  options.data.file.path = planted::data_path("cerebras_gpt_pile.csv");
  options.json = true;
  std::ostringstream out, log;
  CHECK(run_fit(options, out, log) == 0);
  CHECK(nlohmann::json::parse(out.str())["identifiable"] == false);
  CHECK_THAT(log.str(), Contains("crosslaw fit: every point has nearly the same tokens"));
}

TEST_CASE("Bad input is thrown before anything is printed") {
  std::ostringstream out, log;
  const auto refuses = [&](FitCommandOptions options, const std::string& what) {
    CHECK_THROWS_WITH(run_fit(options, out, log), Contains(what));
  };
  refuses({}, "--data FILE");
  FitCommandOptions options = chinchilla_240();
  options.data.fit.law = "quartic";
  refuses(options, "quartic");
  options = chinchilla_240();
  options.data.fit.law = "joint";
  refuses(options, "needs --stage");
  options = chinchilla_240();
  options.data.resampling = "clusters";
  refuses(options, "needs --cluster");
  options = chinchilla_240();
  options.data.resampling = "jackknife";
  refuses(options, "jackknife");
  options = chinchilla_240();
  options.data.file.where = {"in_240=1", "N<6e7"};
  refuses(options, "cannot fit 5 coefficients");
  options = chinchilla_240();
  options.data.draws = -1;
  refuses(options, "--bootstrap -1");
  options = chinchilla_240();
  options.exact_flops = true;
  refuses(options, "--compute");
  options = chinchilla_240();
  options.data.conventions = {"N"};
  options.evidence.profile = true;
  refuses(options, "--n-conventions prints one table");
  options = chinchilla_240();
  options.plot = "/no/such/folder/fit.svg";
  refuses(options, "there is no folder /no/such/folder");
  CHECK(out.str().empty());
}
