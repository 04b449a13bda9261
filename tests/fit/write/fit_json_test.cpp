#include "fit/write/fit_json.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "fit/allocate/transfer.h"
#include "fit/solve/fitter.h"
#include "fit/solve/strategies.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using namespace planted;

namespace {

FitResult fitted(const char* law, int draws = 40) {
  FitOptions options;
  options.law = law;
  options.starts = 8;
  options.draws = draws;
  const Points points = two_strategies(0.004);
  const bool both = options.law == "joint" || options.law == "two-stage";
  return fit_law(both ? points : select_stage(points, Stage::kScratch), options);
}

FitResult read(const std::string& text) {
  return fit_from_json(nlohmann::json::parse(text), "f.json");
}

}  // namespace

TEST_CASE("The keys that other programs rely on are there") {
  const nlohmann::ordered_json json = to_json(fitted("extended"));
  for (const char* key :
       {"schema", "law", "points", "huber_delta", "objective", "converged", "identifiable",
        "starts", "starts_at_best", "condition", "coefficients", "problems"}) {
    CHECK(json.contains(key));
  }
  CHECK(json["schema"] == 1);
  CHECK(json["law"] == "extended");
  for (const char* name : {"E", "A", "alpha", "B", "beta", "gamma"}) {
    const nlohmann::ordered_json& each = json["coefficients"][name];
    CHECK(each["value"].is_number());
    CHECK(each["se"].is_number());
    CHECK(each["ci95"].size() == 2);
  }
}

TEST_CASE("A fit survives its JSON bit for bit") {
  for (const char* law : {"chinchilla", "extended", "joint", "two-stage"}) {
    const FitResult before = fitted(law);
    const FitResult after = read(pretty(to_json(before)));
    INFO(law);
    CHECK(after.law == before.law);
    CHECK(after.method == before.method);
    CHECK(after.points == before.points);
    CHECK(after.objective == before.objective);
    CHECK(after.identifiable == before.identifiable);
    CHECK(after.draws == before.draws);
    CHECK(after.problems == before.problems);
    CHECK(after.measured_range->flops.high == before.measured_range->flops.high);
    CHECK(after.certificate.condition == before.certificate.condition);
    CHECK(after.bootstrap.seed == before.bootstrap.seed);
    for (int i = 0; i < before.law->size(); ++i) CHECK(after.theta[i] == before.theta[i]);
    for (std::size_t i = 0; i < before.coefficients.size(); ++i) {
      CHECK(after.coefficients[i].value == before.coefficients[i].value);
      CHECK(after.coefficients[i].se == before.coefficients[i].se);
      CHECK(after.coefficients[i].ci95->low == before.coefficients[i].ci95->low);
    }
  }
}

TEST_CASE("A saved two-stage fit keeps its stages: coverage, draws and what was inherited") {
  const FitResult before = fitted("two-stage");
  const nlohmann::json json = nlohmann::json::parse(pretty(to_json(before)));
  const FitResult after = fit_from_json(json, "f.json");
  for (const char* strategy : {"scratch", "continued"}) {
    INFO(strategy);
    const FitResult a = strategy_fit(before, strategy), b = strategy_fit(after, strategy);
    CHECK(a.law == b.law);
    CHECK(a.points == b.points);
    CHECK(a.objective == b.objective);
    CHECK(a.measured_range->flops.high == b.measured_range->flops.high);
    REQUIRE(a.draws.rows() == b.draws.rows());
    CHECK(a.draws.isApprox(b.draws, 1e-9));
    for (std::size_t i = 0; i < a.coefficients.size(); ++i) {
      CHECK(a.coefficients[i].frozen == b.coefficients[i].frozen);
    }
  }
  nlohmann::json wrong = json;
  wrong["stages"]["continued"] = wrong["stages"]["scratch"];
  CHECK_THROWS_WITH(fit_from_json(wrong, "f.json"), has_text("must be a fit of law extended"));
  wrong["stages"].erase("continued");
  CHECK_THROWS_WITH(fit_from_json(wrong, "f.json"), has_text("\"continued\" is missing"));
  wrong.erase("stages");  // as older files and those written by hand
  CHECK(strategy_fits(fit_from_json(wrong, "f.json")).size() == 2);
}

TEST_CASE("Draws of one stage alone survive the JSON") {
  FitResult before = fitted("two-stage");
  const auto rows = before.stages[0].draws.rows();
  before.draws.resize(0, before.law->size());
  before.stages[1].draws.resize(0, before.stages[1].law->size());
  const FitResult after = fit_from_json(nlohmann::json::parse(pretty(to_json(before))), "f.json");
  CHECK(strategy_fit(after, "scratch").draws.rows() == rows);
  CHECK(strategy_fit(after, "continued").draws.rows() == 0);
}

TEST_CASE("Quantities derived from a file equal those derived from the fit") {
  const FitResult before = fitted("two-stage");
  const FitResult after = read(pretty(to_json(before)));
  const Transfer a = transfer_at(before, 1e9, 1e10), b = transfer_at(after, 1e9, 1e10);
  CHECK(*a.saved_share.value == *b.saved_share.value);
  CHECK(a.saved_share.ci95->high == b.saved_share.ci95->high);
}

TEST_CASE("A file written by hand needs only a law and its coefficients") {
  const FitResult numbers = read(
      R"({"law":"chinchilla","coefficients":{"E":1.69,"A":406.4,"alpha":0.34,"B":410.7,"beta":0.28}})");
  CHECK(numbers.value("beta") == 0.28);
  CHECK(numbers.identifiable);
  CHECK(numbers.theta[1] == Approx(std::log(406.4)));
  const FitResult objects = read(
      R"({"schema":1,"law":"chinchilla","coefficients":{"E":{"value":1.69,"se":null,"ci95":null},
      "A":{"value":406.4},"alpha":{"value":0.34,"ci95":[0.3,0.4]},"B":{"value":410.7},"beta":{"value":0.28}}})");
  CHECK(objects.theta == numbers.theta);
  CHECK(objects.coefficient("alpha").ci95->high == 0.4);
}

TEST_CASE("Numbers that JSON cannot hold become null") {
  FitResult fit = fitted("chinchilla", 0);
  fit.huber_delta = std::numeric_limits<double>::infinity();
  fit.coefficients[3].value = std::numeric_limits<double>::infinity();
  fit.theta[3] = 800;
  fit.certificate.condition = std::numeric_limits<double>::infinity();
  const nlohmann::ordered_json json = to_json(fit);
  CHECK(json["huber_delta"].is_null());
  CHECK(json["condition"].is_null());
  CHECK(json["coefficients"]["B"]["value"].is_null());
  CHECK_FALSE(json.contains("draws"));
  CHECK(read(json.dump()).theta[3] == 800);
  CHECK(std::isinf(read(json.dump()).certificate.condition));
  CHECK(std::isinf(read(json.dump()).huber_delta));
}

TEST_CASE("What is wrong in a file is named") {
  CHECK_THROWS_WITH(read("[]"), has_text("f.json: expected a JSON object"));
  CHECK_THROWS_WITH(read("{}"), has_text("key \"law\" is missing"));
  CHECK_THROWS_WITH(read(R"({"law":"cubic"})"), has_text("unknown law 'cubic'"));
  CHECK_THROWS_WITH(read(R"({"law":"chinchilla"})"), has_text("key \"coefficients\" is missing"));
  CHECK_THROWS_WITH(read(R"({"schema":2,"law":"chinchilla"})"), has_text("schema 2"));
  CHECK_THROWS_WITH(read(R"({"law":"chinchilla","coefficients":{"E":1}})"),
                    has_text("key \"A\" is missing"));
  CHECK_THROWS_WITH(
      read(R"({"law":"chinchilla","coefficients":{"E":1,"A":-4,"alpha":0.3,"B":4,"beta":0.2}})"),
      has_text("A = -4 must be above 0"));
  CHECK_THROWS_WITH(
      read(R"({"law":"chinchilla","coefficients":{"E":1,"A":4,"alpha":"x","B":4,"beta":0.2}})"),
      has_text("\"alpha\" must be a number, or an object with \"value\""));
  CHECK_THROWS_WITH(
      read(R"({"law":"chinchilla","coefficients":{"E":1,"A":4,"alpha":1,"B":4,"beta":0.2},
                            "draws":{"rows":[[1,2]]}})"),
      has_text("row 0 must have 5 numbers"));
  const auto with = [](const std::string& rest) {
    return R"({"law":"chinchilla","coefficients":{"E":1,"A":{"value":4,"log":1.386},"alpha":0.3,"B":4,
              "beta":0.2},)" +
           rest + "}";
  };
  CHECK(read(with(R"("points":12)")).points == 12);
  for (const char* points : {"1e300", "-1", "2.5"}) {
    CHECK_THROWS_WITH(read(with(std::string(R"("points":)") + points)),
                      has_text("\"points\" must be a whole number"));
  }
  const std::string bootstrap = R"("bootstrap":{"kind":"pairs","draws":1,"seed":)";
  CHECK(read(with(bootstrap + "18446744073709551615}")).bootstrap.seed == 18446744073709551615u);
  CHECK_THROWS_WITH(read(with(bootstrap + "-1}")), has_text("\"seed\" must be a whole number"));
  CHECK_THROWS_WITH(
      read(R"({"law":"chinchilla","coefficients":{"E":1,"A":{"value":5,"log":1.386},"alpha":1,"B":4,
              "beta":0.2}})"),
      has_text("A = 5 and its log 1.386 say different things"));
  CHECK_THROWS_AS(read_fit("tests/data/scaling/cerebras_gpt_pile.csv"), std::invalid_argument);
}

TEST_CASE("Pretty JSON keeps strings and puts arrays of numbers on one line") {
  const nlohmann::ordered_json json = {{"a", {1, 2.5, nullptr}},
                                       {"tricky", "[ 1,\n \"2\" \\ ]"},
                                       {"empty", nlohmann::ordered_json::array()},
                                       {"nested", {{{"x", {3, 4}}}}}};
  const std::string text = pretty(json);
  CHECK(nlohmann::ordered_json::parse(text) == json);
  CHECK_THAT(text, has_text("\"a\": [1, 2.5, null]"));
  CHECK_THAT(text, has_text("\"x\": [3, 4]"));
}
