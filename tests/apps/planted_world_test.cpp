// A world whose laws are known: losses drawn from them go through the store, and every command
// downstream must find the laws again.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/commands/allocate_command.h"
#include "apps/commands/fit_command.h"
#include "apps/commands/n_conventions.h"
#include "apps/report/report_data.h"
#include "apps/study/allocation_choices.h"
#include "apps/study/measured_savings.h"
#include "apps/study/sweep_fits.h"
#include "fit/allocate/allocation.h"
#include "fit/solve/strategies.h"
#include "sweep/spec/ladder.h"
#include "tests/apps/planted_sweep.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::tests {
namespace {

const std::map<std::string, double>& kPlanted = planted_values();

void check_inside(const std::string& name, const std::optional<fit::Range>& interval,
                  double truth) {
  INFO(name << ", planted " << truth);
  REQUIRE(interval);
  INFO("interval " << interval->low << " to " << interval->high);
  // Dozens of 95 % intervals are checked here, so that one or two may miss; half as wide again
  // makes 99.7 % of each.
  const double slack = 0.25 * (interval->high - interval->low);
  CHECK(interval->low - slack <= truth);
  CHECK(truth <= interval->high + slack);
}

// The least loss on C = 6ND by a fine search: no closed form is trusted here.
double best_params(double flops, const std::string& b, const std::string& beta, double gamma) {
  double best = 0, least = std::numeric_limits<double>::infinity();
  for (double log_n = std::log(1e6); log_n < std::log(1e13); log_n += 1e-4) {
    double n = std::exp(log_n), d = flops / 6 / n;
    double loss = kPlanted.at("A") / std::pow(n, kPlanted.at("alpha")) +
                  kPlanted.at(b) / (std::pow(d, kPlanted.at(beta)) * std::pow(n, gamma));
    if (loss < least) least = loss, best = n;
  }
  return best;
}

// Made and fitted once, for all sections.
struct PlantedWorld {
  TempFolder folder;
  db::RunStore store = planted_store(folder);
  apps::Observations observations{store, apps::ParamsCount::kAll};

  PlantedWorld() {
    apps::store_fits(store, observations,
                     apps::fit_sweep(observations, {}, [](const std::string&) {}));
  }
};

}  // namespace

TEST_CASE("A planted world comes back through store, fits, allocation and report") {
  static const PlantedWorld world;
  const auto& [folder, store, observations] = world;
  REQUIRE(observations.pairs().size() == 1);
  CHECK(apps::fits_are_current(store, observations));

  // What coeffs, allocate and report read.
  std::vector<apps::PairFits> fits = apps::stored_fits(store, observations);
  REQUIRE(fits.size() == 1);
  for (const char* name : {"two-stage", "joint"}) {
    const fit::FitResult* found = fits[0].find(name);
    REQUIRE(found);
    INFO(name);
    CHECK(found->identifiable);
    for (const fit::Coefficient& c : tests::some(found->coefficients)) {
      check_inside(c.name, c.ci95, kPlanted.at(c.name));
      if (c.name == "gamma") CHECK(c.ci95->high - c.ci95->low < 0.03);
      if (c.name == "beta") CHECK(c.ci95->high - c.ci95->low < 0.03);
    }
  }

  SECTION("allocation finds the sizes of a search over the planted laws") {
    const fit::FitResult& joint = *fits[0].find("joint");
    fit::AllocationOptions options;
    options.flops = {1e20, 1e21};
    options.ladder = apps::ladder_of(observations);
    fit::Allocation scratch = fit::allocate(fit::strategy_fit(joint, "scratch"), options);
    fit::Allocation continued = fit::allocate(fit::strategy_fit(joint, "continued"), options);
    REQUIRE(scratch.rows.size() == 2);
    REQUIRE(continued.rows.size() == 2);
    for (size_t i = 0; i < options.flops.size(); ++i) {
      double c = options.flops[i];
      check_inside("scratch N*", scratch.rows[i].params.ci95, best_params(c, "B", "beta", 0));
      check_inside("continued N*", continued.rows[i].params.ci95,
                   best_params(c, "B_continued", "beta_continued", kPlanted.at("gamma")));
      CHECK(scratch.rows[i].nearest);
    }
  }

  SECTION("the sweep's own folder answers what a file would") {
    apps::FitCommandOptions options;
    options.source.directory = folder.path().string();
    options.fitting.fit.law = "outer";
    options.fitting.draws = 0;
    options.evidence.profile = true;
    options.evidence.influence = true;
    options.evidence.holdout = {"largest-compute"};
    options.output.json = true;
    std::ostringstream out, log;
    REQUIRE(apps::run_fit(options, out, log) == 0);
    const nlohmann::json found = nlohmann::json::parse(out.str());
    REQUIRE(found.at("fits").size() == 1);
    const nlohmann::json& fit = found.at("fits").at(0);
    CHECK(fit.at("law") == "outer");
    CHECK(fit.at("points") == 120);
    CHECK(std::abs(fit.at("coefficients").at("k").at("value").get<double>() - 1) < 0.2);
    CHECK(fit.at("profiles").size() == 6);
    CHECK(fit.at("holdout").at("best") != "kaplan");
    CHECK(fit.at("influence").dump().find("scratch 49M 80tpp") != std::string::npos);
    options.evidence.holdout = {"size=49M"};
    CHECK_THROWS_WITH(apps::run_fit(options, out, log), has_text("crosslaw export"));
  }

  SECTION("under exact FLOPs the budget pays for attention and head") {
    apps::AllocateCommandOptions options;
    options.source.directory = folder.path().string();
    options.flops = {1e20};
    options.fitting.fit.law.clear();  // as on the command line
    options.fitting.draws = 0;        // of forecasts
    options.output.json = true;
    std::ostringstream six, exact, log;
    REQUIRE(apps::run_allocate(options, six, log) == 0);
    options.exact_flops = true;
    REQUIRE(apps::run_allocate(options, exact, log) == 0);
    const nlohmann::json found = nlohmann::json::parse(exact.str());
    const nlohmann::json& line = found.at("languages").at(0);
    const nlohmann::json& cost = line.at("convention").at("flops_per_token");
    CHECK(cost.at("measured") == true);
    CHECK(line.at("savings").size() == 1);
    CHECK(line.at("frontiers").size() == 2);
    std::size_t compared = 0;
    for (const nlohmann::json& row : found.at("rows")) {
      const double per_token =
          cost.at("constant").get<double>() *
          std::pow(row.at("params").get<double>(), cost.at("exponent").get<double>());
      CHECK(per_token * row.at("tokens").get<double>() == Approx(1e20).epsilon(1e-6));
      // The ladder's own cost a token is that of its shape.
      for (const sweep::ModelSize& size :
           sweep::read_ladder("sweep/presets/paper40.csv", 32000, false)) {
        if (size.name != row.at("nearest").at("name").get<std::string>()) continue;
        ++compared;
        CHECK(row.at("nearest").at("flops_per_token").get<double>() ==
              Approx(trainer::training_flops_per_token(size.shape, 2048)).epsilon(1e-3));
      }
    }
    CHECK(compared == 2);  // one budget, two strategies
    const nlohmann::json plain = nlohmann::json::parse(six.str());
    CHECK(plain.at("languages").at(0).at("convention").at("compute") == "C = 6 N D");
    CHECK(plain.at("rows").at(0).at("params") != found.at("rows").at(0).at("params"));
  }

  SECTION("exact FLOPs change what C means, not the coefficients") {
    apps::SweepFitOptions options;
    options.exact_flops = true;
    options.only_law = "chinchilla";
    options.fit.draws = 0;
    const std::vector<apps::PairFits> exact =
        apps::fit_sweep(observations, options, [](const std::string&) {});
    const fit::FitResult& found = *exact[0].find("scratch");
    CHECK(found.value("alpha") == Approx(fits[0].find("scratch")->value("alpha")).epsilon(1e-9));
    REQUIRE(found.compute);
    CHECK(found.compute->rms < 0.1);
    CHECK(found.convention.params == apps::describe(apps::ParamsCount::kAll));
    CHECK(fits[0].find("scratch")->convention.compute == "6ND");
    CHECK_FALSE(fits[0].find("scratch")->compute);
  }

  SECTION("its conventions are compared, each under 6ND and exact FLOPs") {
    apps::NConventionsOptions options;
    options.source.directory = folder.path().string();
    options.conventions = {"all"};
    options.fitting.draws = 0;
    options.fitting.fit.starts = 8;
    options.fitting.fit.law.clear();
    options.output.json = true;
    std::ostringstream out, log;
    REQUIRE(apps::run_n_conventions(options, out, log) == 0);
    const nlohmann::json found = nlohmann::json::parse(out.str()).at("languages").at(0);
    CHECK(found.at("conventions").size() == 12);  // 3 counts, 2 computes, 2 strategies
    CHECK(found.at("conventions").at(0).at("alpha").at("value").get<double>() ==
          Approx(kPlanted.at("alpha")).margin(0.03));
    CHECK(found.at("spread").at(0).at("tokens_factor").get<double>() > 1);
  }

  SECTION("the report shows the same intervals") {
    nlohmann::json page = apps::report_data(store, observations, fits, "test");
    bool seen = false;
    for (const auto& entry : page.at("pairs").at(0).at("fits")) {
      if (entry.at("law") != "joint") continue;
      seen = true;
      for (const char* name : {"E", "alpha", "beta", "gamma"}) {
        const auto& interval = entry.at("coefficients").at(name).at("ci95");
        check_inside(name, fit::Range{interval.at(0), interval.at(1)}, kPlanted.at(name));
      }
    }
    CHECK(seen);
  }

  SECTION("the measured saving is that of the planted laws") {
    int measured = 0;
    for (const apps::MeasuredSaving& saving :
         apps::measured_savings(observations, observations.pairs()[0])) {
      if (saving.extrapolated) continue;
      ++measured;
      double excess =
          kPlanted.at("B_continued") / (std::pow(saving.tokens, kPlanted.at("beta_continued")) *
                                        std::pow(saving.params, kPlanted.at("gamma")));
      double scratch_tokens = std::pow(kPlanted.at("B") / excess, 1 / kPlanted.at("beta"));
      CHECK(saving.saved_share == Approx(1 - saving.tokens / scratch_tokens).margin(0.1));
    }
    CHECK(measured >= 10);
  }
}

}  // namespace crosslaw::tests
