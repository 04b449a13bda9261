#include "apps/commands/design_command.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "fit/laws/laws.h"
#include "fit/write/fit_json.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

using namespace crosslaw;
using namespace crosslaw::apps;
using tests::TempFolder;

namespace {

constexpr const char* kLaw = "E=1.69,A=406.4,alpha=0.34,B=410.7,beta=0.28";

// The options as the command line leaves them when nothing is said.
DesignOptions quick() {
  DesignOptions options;
  options.fitting.fit.law.clear();
  options.fitting.fit.starts = 4;
  options.fitting.draws = 40;
  options.sweeps = 10;
  return options;
}

// A file of points of one law, and a ladder of two sizes.
struct Files {
  TempFolder folder;
  std::string data, joint, ladder;

  Files() {
    const std::vector<double> values = {planted::kE, planted::kA, planted::kAlpha, planted::kB,
                                        planted::kBeta};
    data = write("data.csv",
                 planted::sweep(fit::chinchilla_law(), values, 12, {5, 10, 20, 40, 80}, 0.004));
    joint = write("joint.csv", planted::two_strategies(0.004));
    ladder = folder.write("ladder.csv", "name,params\nsmall,1e7\nmiddle,1e8\nlarge,1e9\n").string();
  }

  std::string write(const char* name, const fit::Points& points) const {
    std::string text = "N,D,loss,stage,run\n";
    for (const fit::Point& p : points) {
      text += fmt::format("{},{},{},{},{}\n", p.params, p.tokens, p.loss,
                          p.stage == fit::Stage::kContinued ? "continued" : "scratch", p.cluster);
    }
    return folder.write(name, text).string();
  }

  DesignOptions of_data() const {
    DesignOptions options = quick();
    options.file.path = data;
    return options;
  }

  DesignOptions of_grid() const {
    DesignOptions options = quick();
    options.ladder.path = ladder;
    options.tokens_per_param = {5, 20, 80, 320};
    options.given.coefficients = kLaw;
    return options;
  }

  DesignOptions more_runs() const {
    DesignOptions options = of_data();
    options.add_flops = 1e21;
    options.sweeps = 0;
    return options;
  }
};

std::string run(const DesignOptions& options, std::string* said = nullptr) {
  std::ostringstream out, log;
  CHECK(run_design(options, out, log) == 0);
  if (said) *said = log.str();
  return out.str();
}

nlohmann::json run_json(DesignOptions options) {
  options.json = true;
  return nlohmann::json::parse(run(options));
}

// What the command says when it refuses, with nothing on stdout.
std::string refusal(const DesignOptions& options) {
  std::ostringstream out, log;
  std::string what = "(nothing was refused)";
  try {
    run_design(options, out, log);
  } catch (const std::invalid_argument& error) {
    what = error.what();
  }
  CHECK(out.str().empty());
  return what;
}

const nlohmann::json& outlook(const nlohmann::json& json, const std::string& name) {
  for (const nlohmann::json& each : json["simulation"]["outlooks"]) {
    if (each["name"] == name) return each;
  }
  throw std::runtime_error("no outlook for " + name);
}

}  // namespace

TEST_CASE("The paper's spec is simulated with losses in mid-schedule and a two-stage fit") {
  DesignOptions options = quick();
  options.spec = "sweep/presets/paper.toml";
  options.sweeps = 2;
  options.fitting.draws = 20;
  const std::string text = run(options);
  CHECK_THAT(text, has_text("paper (zh): 80 runs") && has_text("most of them in mid-schedule") &&
                       has_text("Table 2 of arXiv:2407.02118") &&
                       has_text("two-stage, 20 refits") && has_text("auto resampled") &&
                       has_text("0.5 % of every loss (normal)"));
  CHECK_THAT(text, has_text("2 simulated sweeps; 0 of their fits are not identifiable") &&
                       has_text("the sign of gamma is resolved in 100.0 % of the sweeps"));
  CHECK_THAT(text, has_text("scratch N*(") && has_text("continued loss("));
}

TEST_CASE("The JSON of an outlook carries what the text says") {
  const Files files;
  DesignOptions options = files.of_grid();
  options.flops = {1e20, 1e21};
  options.noise_percent = 0.3;
  const nlohmann::json json = run_json(options);
  CHECK(json["schema"] == 1);
  CHECK(json["design"] == "3 sizes at 4 numbers of tokens a parameter: 12 losses");
  CHECK(json["runs"] == 12);
  CHECK(json["losses"] == 12);
  CHECK(json["flops"].get<double>() == Approx(6 * (1e14 + 1e16 + 1e18) * 425));
  CHECK(json["source"] == "--coefficients");
  CHECK(json["assumed"]["coefficients"]["alpha"]["value"] == 0.34);
  CHECK(json["noise"] == nlohmann::json({{"point", 0.003}, {"run", 0.0}, {"law", "normal"}}));
  CHECK(json["fitted"] ==
        nlohmann::json({{"law", "chinchilla"}, {"draws", 40}, {"resampling", "auto"}}));
  CHECK(json["simulation"]["sweeps"] == 10);
  CHECK(json["simulation"]["outlooks"].size() == 5 + 2 * 3);
  const nlohmann::json& alpha = outlook(json, "alpha");
  CHECK(alpha["truth"] == 0.34);
  CHECK(alpha["flops"].is_null());
  CHECK(alpha["estimates"] == 10);
  CHECK(alpha["sd"].get<double>() > 0);
  CHECK(alpha["coverage"].get<double>() > 0);
  CHECK(outlook(json, "N*")["flops"] == 1e20);
  const std::string text = run(options);
  const nlohmann::json& interval = alpha["expected_ci95"];
  CHECK_THAT(text, has_text(fmt::format("[{:.4g}, {:.4g}]", interval[0].get<double>(),
                                        interval[1].get<double>())));
  CHECK_THAT(text, has_text(fmt::format("{:.4g}", alpha["sd"].get<double>())) &&
                       has_text("N*(1e+20)") && has_text("loss(1e+21)") &&
                       has_text("10 simulated sweeps"));
}

TEST_CASE("What a simulation without refits does not know is null") {
  const Files files;
  DesignOptions options = files.of_grid();
  options.fitting.draws = 0;
  options.sweeps = 1;
  const nlohmann::json json = run_json(options);
  const nlohmann::json& beta = outlook(json, "beta");
  for (const char* key : {"sd", "expected_ci95", "coverage", "excludes_zero"}) {
    INFO(key);
    CHECK(beta[key].is_null());
  }
  CHECK(beta["bias"].is_number());
}

TEST_CASE("A file gives design, law and noise, and refits as fit would choose them") {
  const Files files;
  DesignOptions options = files.of_data();
  const nlohmann::json json = run_json(options);
  CHECK(json["losses"] == 60);
  CHECK(json["source"] == "the fit of " + files.data);
  CHECK(json["noise"]["point"].get<double>() == Approx(0.004).epsilon(0.25));
  CHECK(json["fitted"]["resampling"] == "auto");
  options.file.cluster = "run";
  const nlohmann::json runs = run_json(options);
  CHECK(runs["fitted"]["resampling"] == "auto");
  options.noise_percent = 1;
  options.run_noise_percent = 2;
  CHECK(run_json(options)["noise"] ==
        nlohmann::json({{"point", 0.01}, {"run", 0.02}, {"law", "normal"}}));
}

TEST_CASE("A saved fit is taken for true with its own scatter") {
  const Files files;
  const fit::Points points = planted::sweep(
      fit::chinchilla_law(),
      {planted::kE, planted::kA, planted::kAlpha, planted::kB, planted::kBeta}, 8, {5, 50}, 0.007);
  const fit::FitResult saved = fit::fit_law(points, {.starts = 4, .draws = 0});
  DesignOptions options = files.of_grid();
  options.given.coefficients.clear();
  options.given.file = files.folder.write("fit.json", fit::pretty(fit::to_json(saved))).string();
  const nlohmann::json json = run_json(options);
  CHECK(json["source"] == options.given.file);
  CHECK(json["noise"]["point"] == saved.certificate.rms_log_residual);
  CHECK(outlook(json, "alpha")["truth"].get<double>() == saved.value("alpha"));
}

TEST_CASE("Without a law the paper's printed one stands in, and a grid is trained both ways") {
  const Files files;
  DesignOptions options = files.of_grid();
  options.given.coefficients.clear();
  options.flops = {1e21};
  const nlohmann::json json = run_json(options);
  CHECK(json["fitted"]["law"] == "two-stage");
  CHECK(json["runs"] == 24);
  // arXiv 2407.02118, section 3.3: N* = 0.324 C^0.429 from scratch.
  CHECK(outlook(json, "scratch N*")["truth"].get<double>() ==
        Approx(0.324 * std::pow(1e21, 3.0 / 7)).epsilon(2e-3));
}

TEST_CASE("Runs to add are listed with what they promise, as text and as JSON") {
  const Files files;
  DesignOptions options = files.more_runs();
  const nlohmann::json json = run_json(options);
  CHECK(json["schema"] == 1);
  CHECK(json["target"] == "N*");
  CHECK(json["log"] == true);
  CHECK(json["target_flops"].get<double>() == Approx(10 * 6 * 80 * 1e20));
  CHECK(json["budget_flops"] == 1e21);
  CHECK(json["se_after"].get<double>() < json["se_now"].get<double>());
  CHECK(json["simulated_ci95_now"].is_null());
  REQUIRE(json["runs"].size() > 0);
  double spent = 0;
  for (const nlohmann::json& each : json["runs"]) {
    spent += each["flops"].get<double>();
    CHECK(each["strategy"] == "scratch");
    CHECK(each["flops"].get<double>() ==
          Approx(6 * each["params"].get<double>() * each["tokens"].get<double>()));
  }
  CHECK(json["spent_flops"].get<double>() == Approx(spent));
  CHECK(spent <= 1e21);
  const std::string text = run(options);
  const auto factor = [&](const char* key) {
    return fmt::format("x/: {:.4g}", std::exp(1.959964 * json[key].get<double>()));
  };
  CHECK_THAT(text, has_text(fmt::format("{} runs, ", json["runs"].size())) &&
                       has_text("of 1e+21 FLOPs") && has_text("N* at C = 4.8e+23: ") &&
                       has_text(factor("se_now") + " now") &&
                       has_text(factor("se_after") + " with these runs"));
  CHECK_THAT(text, !has_text("simulated"));
}

TEST_CASE("The simulated interval of the target shrinks with the runs that are added") {
  const Files files;
  DesignOptions options = files.more_runs();
  options.sweeps = 20;
  options.add_flops = 1e24;
  options.target = "loss";
  const nlohmann::json json = run_json(options);
  const auto width = [&](const char* key) {
    return json[key][1].get<double>() - json[key][0].get<double>();
  };
  CHECK(json["se_after"].get<double>() < 0.7 * json["se_now"].get<double>());
  CHECK(width("simulated_ci95_after") < 0.85 * width("simulated_ci95_now"));
  std::string said;
  CHECK_THAT(run(options, &said), has_text("simulated: [") && has_text("medians of 20 sweeps"));
  CHECK_THAT(said, has_text("simulating 20 sweeps"));
}

TEST_CASE("Runs to add come from the ladder and the ratios that are given") {
  const Files files;
  DesignOptions options = files.more_runs();
  options.ladder.path = files.ladder;
  options.tokens_per_param = {7, 300};
  options.target = "beta";
  options.most_runs = 2;
  const nlohmann::json json = run_json(options);
  CHECK(json["log"] == false);
  CHECK(json["runs"].size() <= 2);
  for (const nlohmann::json& each : json["runs"]) {
    const double ratio = each["tokens"].get<double>() / each["params"].get<double>();
    CHECK((ratio == Approx(7) || ratio == Approx(300)));
    CHECK((each["size"] == "small" || each["size"] == "middle" || each["size"] == "large"));
  }
  const std::string text = run(options);
  CHECK_THAT(text,
             has_text("size") && has_text("beta: 0.") && has_text("+- ") && !has_text("beta at C"));
}

TEST_CASE("Of both strategies runs of either may be added") {
  const Files files;
  DesignOptions options = files.more_runs();
  options.file.path = files.joint;
  options.file.stage = "stage";
  options.target = "gamma";
  const nlohmann::json json = run_json(options);
  bool continued = false;
  for (const nlohmann::json& each : json["runs"]) continued |= each["strategy"] == "continued";
  CHECK(continued);
  options.sweeps = 5;
  options.target = "N*";
  const nlohmann::json sharp = run_json(options);
  const fit::Range now{sharp["simulated_ci95_now"][0], sharp["simulated_ci95_now"][1]};
  CHECK(now.low < sharp["value"].get<double>());
  CHECK(now.high > sharp["value"].get<double>());
}

TEST_CASE("Which runs are meant must be said, and said once") {
  const Files files;
  CHECK_THAT(refusal(quick()), has_text("say which runs: a spec, --data FILE, or --ladder FILE"));
  DesignOptions options = quick();
  options.ladder.path = files.ladder;
  CHECK_THAT(refusal(options), has_text("--ladder FILE with --tokens-per-param"));
  options = files.of_data();
  options.spec = "sweep/presets/paper.toml";
  CHECK_THAT(refusal(options), has_text("one of them") && has_text("--fit"));
  options = files.of_data();
  options.ladder.path = files.ladder;
  CHECK_THAT(refusal(options), has_text("one of them"));
  options = files.of_grid();
  options.given.file = "fit.json";
  CHECK_THAT(refusal(options), has_text("--coefficients and --fit exclude each other"));
  options = quick();
  options.spec = (files.folder / "none.toml").string();
  CHECK_THAT(refusal(options), has_text("none.toml"));
  options.spec = "sweep/presets/paper.toml";
  options.language = "de";
  CHECK_THAT(refusal(options), has_text("--language de") && has_text("en zh"));
}

TEST_CASE("Runs to add need data, and a fit of it") {
  const Files files;
  DesignOptions options = files.of_grid();
  options.add_flops = 1e21;
  CHECK_THAT(refusal(options), has_text("--add-flops needs --data FILE"));
  options = files.more_runs();
  options.given.coefficients = kLaw;
  CHECK_THAT(refusal(options), has_text("leave out --coefficients and --fit"));
  options = files.more_runs();
  options.flops = {1e21, 1e22};
  CHECK_THAT(refusal(options), has_text("one budget; --flops names 2"));
  options = files.more_runs();
  options.target = "gamma";
  CHECK_THAT(refusal(options), has_text("target 'gamma' is not known") && has_text("alpha"));
  options = files.more_runs();
  options.add_flops = 1e10;
  CHECK_THAT(refusal(options), has_text("no candidate run fits into 1e+10 FLOPs"));
  options.add_flops = -1e20;
  CHECK_THAT(refusal(options), has_text("--add-flops -1e+20: must be a finite number above 0"));
  options.add_flops = std::nan("");
  CHECK_THAT(refusal(options), has_text("--add-flops nan: must be a finite number above 0"));
}

TEST_CASE("Numbers out of their bounds are refused by the name of their flag") {
  const Files files;
  DesignOptions options = files.of_grid();
  options.noise_percent = -1;
  CHECK_THAT(refusal(options), has_text("--noise -1: must be a percentage"));
  options = files.more_runs();
  options.run_noise_percent = 100;
  CHECK_THAT(refusal(options), has_text("--run-noise 100: must be a percentage"));
  options = files.of_grid();
  options.sweeps = 0;
  CHECK_THAT(refusal(options), has_text("--sweeps 0: must be at least 1"));
  options = files.more_runs();
  options.sweeps = -1;
  CHECK_THAT(refusal(options), has_text("--sweeps -1: must be at least 0"));
  options.sweeps = 0;
  options.most_runs = 0;
  CHECK_THAT(refusal(options), has_text("most_runs = 0 must be at least 1"));
  options = files.of_grid();
  options.tokens_per_param = {20, 0};
  CHECK_THAT(refusal(options), has_text("--tokens-per-param 0: must be a finite number above 0"));
  for (DesignOptions each : {files.of_grid(), files.more_runs()}) {
    each.flops = {-1e21};
    CHECK_THAT(refusal(each), has_text("--flops -1e+21: must be a finite number above 0"));
  }
}
