#include "tests/apps/planted_sweep.h"

#include <cmath>
#include <random>

#include "sweep/plan/plan.h"
#include "sweep/spec/ladder.h"

namespace crosslaw::tests {
namespace {

using Values = std::map<std::string, double>;

// Continued runs have their own B, beta and gamma.
const Values kPlanted = {
    {"E", 1.62},    {"A", 410.0},           {"alpha", 0.34},          {"B", 430.0},
    {"beta", 0.29}, {"B_continued", 130.0}, {"beta_continued", 0.23}, {"gamma", 0.031}};
constexpr double kNoise = 0.002;  // standard deviation of the log of a loss

double planted_loss(const db::RunRow& run, double params) {
  const Values& p = kPlanted;
  double tokens = static_cast<double>(run.tokens_target);
  double size_term = p.at("E") + p.at("A") / std::pow(params, p.at("alpha"));
  if (!run.parent_key) return size_term + p.at("B") / std::pow(tokens, p.at("beta"));
  return size_term + p.at("B_continued") / (std::pow(tokens, p.at("beta_continued")) *
                                            std::pow(params, p.at("gamma")));
}

std::string spec_text() {
  return "name = \"planted\"\n[ladder]\nfile = \"" +
         std::filesystem::absolute("sweep/presets/paper40.csv").string() + R"("
vocabulary = 32000
[budget]
tokens_per_param = [5, 20, 80]
[data]
context = 2048
[data.language.en]
train = ["en.jsonl"]
valid = ["en.valid.jsonl"]
[data.language.fr]
train = ["fr.jsonl"]
valid = ["fr.valid.jsonl"]
[train]
schedule = "cosine"
peak_learning_rate = 2e-4
batch_tokens = 1048576
[[strategy]]
name = "source"
language = "en"
tokens_per_param = [20]
[[strategy]]
name = "scratch"
language = "fr"
[[strategy]]
name = "continued"
language = "fr"
from = "source"
)";
}

}  // namespace

const Values& planted_values() { return kPlanted; }

db::RunStore planted_store(const TempFolder& folder) {
  sweep::SweepSpec spec = sweep::read_spec(folder.write("planted.toml", spec_text()));
  auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  sweep::Plan plan = sweep::make_plan(spec, ladder, nullptr);
  db::RunStore store = db::RunStore::create(folder / "crosslaw.db");
  store.put_sweep(spec.name, spec_text(), "test", 1);
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
  store.sync_runs(rows);
  std::mt19937_64 engine(20260);
  std::normal_distribution<double> normal;
  for (const db::RunRow& run : store.runs()) {
    double params = static_cast<double>(run.params_embedding + run.params_unembedding +
                                        run.params_blocks + run.params_norms);
    double loss = planted_loss(run, params) * std::exp(kNoise * normal(engine));
    db::AttemptRow attempt{.run_id = run.id, .n = 1, .token = run.key, .folder = "runs/x"};
    int64_t id = store.begin_attempt(attempt);
    store.ingest(run.id, id,
                 {.evals = {{.language = run.language,
                             .step = run.steps,
                             .tokens_target = run.tokens_target,
                             .flops = run.flops,
                             .loss_nats = loss,
                             .loss_nats_per_byte = loss / 3,
                             .end_of_schedule = true}}});
    store.end_attempt(id, {.outcome = db::Outcome::kDone, .step = run.steps}, 2);
  }
  return store;
}

}  // namespace crosslaw::tests
