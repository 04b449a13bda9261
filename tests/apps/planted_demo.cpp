#include "tests/apps/planted_demo.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "sweep/plan/plan.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"

namespace crosslaw::tests {
namespace {

struct Law {
  double e, a, alpha, b, beta, gamma;
};

const std::map<std::string, Law> kLaws = {
    {"source", {1.05, 16, 0.44, 19, 0.27, 0}},
    {"scratch-fr", {1.13, 17.3, 0.44, 19.5, 0.27, 0}},
    {"continued-fr", {1.13, 17.3, 0.44, 10.3, 0.17, 0.07}},
    {"scratch-zh", {1.22, 15.1, 0.43, 16, 0.26, 0}},
    {"continued-zh", {1.22, 15.1, 0.43, 12.3, 0.234, 0}},
};
constexpr double kNoise = 0.004;        // standard deviation of the log of a loss
constexpr double kMidSchedule = 1.035;  // a trunk at full learning rate is so much worse

double params_of(const db::RunRow& run) {
  return static_cast<double>(run.params_embedding + run.params_unembedding + run.params_blocks +
                             run.params_norms);
}

db::EvalRow eval_of(const db::RunRow& run, const std::string& language, double share, double loss) {
  db::EvalRow row;
  row.language = language;
  row.step = std::max<std::int64_t>(1, std::llround(share * static_cast<double>(run.steps)));
  row.tokens_target = run.tokens_target * row.step / run.steps;
  row.flops = run.flops * static_cast<double>(row.step) / static_cast<double>(run.steps);
  row.loss_nats = row.loss_nats_per_byte = loss;
  row.end_of_schedule = row.step == run.steps;
  return row;
}

}  // namespace

double planted_loss(const std::string& strategy, double params, double tokens) {
  const Law& law = kLaws.at(strategy);
  return law.e + law.a / std::pow(params, law.alpha) +
         law.b / (std::pow(tokens, law.beta) * std::pow(params, law.gamma));
}

double planted_rise(const std::string& strategy) { return strategy == "continued-fr" ? 0.7 : 1.1; }

db::RunStore planted_store(const std::filesystem::path& file) {
  const sweep::SweepSpec spec = sweep::read_spec("sweep/presets/demo.toml");
  const sweep::Plan plan = sweep::make_plan(
      spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  db::RunStore store = db::RunStore::create(file);
  store.put_sweep("demo", "", "test", 1);
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
  store.sync_runs(rows);
  std::mt19937_64 engine(20240702);
  std::normal_distribution<double> normal;
  std::map<std::string, double> source_loss;  // of each size
  std::string diverged, failed;
  for (const db::RunRow& run : rows) {
    if (run.strategy == "continued-fr") diverged = run.key;
    if (run.strategy == "scratch-zh" && failed.empty()) failed = run.key;
  }
  for (const db::RunRow& run : store.runs()) {
    const auto measured = [&](double share) {
      return planted_loss(run.strategy, params_of(run),
                          share * static_cast<double>(run.tokens_target)) *
             std::exp(kNoise * normal(engine));
    };
    db::MetricsBatch batch;
    const bool lost = run.key == diverged || run.key == failed;
    const bool trunk = !run.parent_key || run.source_language;
    for (const double share : {1 / 32.0, 1 / 16.0, 1 / 8.0, 1 / 4.0, 1 / 2.0}) {
      if (trunk && share * static_cast<double>(run.steps) >= 1)
        batch.evals.push_back(eval_of(run, run.language, share, kMidSchedule * measured(share)));
    }
    if (!lost) batch.evals.push_back(eval_of(run, run.language, 1, measured(1)));
    if (run.strategy == "source") source_loss[run.size] = *batch.evals.back().loss_nats;
    if (!lost && run.source_language) {
      const double rise = planted_rise(run.strategy) * std::exp(0.1 * normal(engine));
      batch.evals.push_back(eval_of(run, *run.source_language, 1, source_loss.at(run.size) + rise));
    }
    const std::int64_t id = store.begin_attempt(
        {.run_id = run.id, .n = 1, .token = run.key, .folder = "runs/x", .device = "cpu"});
    store.ingest(run.id, id, batch);
    db::AttemptEnd end{.outcome = db::Outcome::kDone, .step = run.steps, .seconds = 2.5};
    if (run.key == diverged) {
      end.outcome = db::Outcome::kDiverged;
      end.message = "The loss was not finite at step 1211; the last finite one was 2.31.";
    } else if (run.key == failed) {
      end.outcome = db::Outcome::kCrashed;
      end.message = "No space left on device while a checkpoint was written.";
    }
    store.end_attempt(id, end, 60000);
  }
  return store;
}

std::vector<apps::PairFits> planted_fits(const apps::Observations& observations) {
  apps::SweepFitOptions options;
  options.fit.starts = 16;
  options.fit.draws = 60;
  return apps::fit_sweep(observations, options, [](const std::string&) {});
}

PlantedDemo::PlantedDemo()
    : store(planted_store(folder / "crosslaw.db")),
      observations(store, apps::ParamsCount::kAll),
      fits(planted_fits(observations)) {}

const PlantedDemo& planted_demo() {
  static const PlantedDemo demo;
  return demo;
}

}  // namespace crosslaw::tests
