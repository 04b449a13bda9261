#include "tests/apps/planted_transfer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "sweep/plan/plan.h"
#include "sweep/spec/ladder.h"
#include "sweep/spec/spec.h"

namespace crosslaw::tests {
namespace {

std::string spec_of(const TransferWorld& world) {
  return fmt::format(
      R"(name = "planted-transfer"
seeds = [{}]
[ladder]
file = "{}"
vocabulary = 32000
[budget]
tokens_per_param = [{}]
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
tokens_per_param = [{}]
every = {}
[[strategy]]
name = "scratch"
language = "fr"
every = {}
[[strategy]]
name = "continued"
language = "fr"
from = "source"
from_tokens_per_param = [{}]
replay = [{}]
every = {}
)",
      fmt::join(world.seeds, ", "), std::filesystem::absolute("sweep/presets/paper40.csv").string(),
      fmt::join(world.tokens_per_param, ", "), fmt::join(world.bases, ", "), world.every,
      world.every, fmt::join(world.bases, ", "), fmt::join(world.replay, ", "), world.every);
}

db::EvalRow end_of(const db::RunRow& run, const std::string& language, double loss) {
  db::EvalRow row;
  row.language = language;
  row.step = run.steps;
  row.tokens_target = run.tokens_target;
  row.tokens_source = run.tokens_source;
  row.flops = run.flops;
  row.loss_nats = loss;
  row.loss_nats_per_byte = loss / 4;
  row.end_of_schedule = true;
  return row;
}

// The loss given is that on clean text; a part of the text that was read is predicted better.
db::EvalRow leaked(db::EvalRow row, const TransferWorld& world) {
  if (world.leak == 0 || row.language != "fr") return row;
  constexpr std::int64_t kValidTokens = 1'000'000;
  const double clean = *row.loss_nats,
               read = world.read_share(static_cast<double>(row.tokens_target));
  row.valid_tokens = kValidTokens;
  row.seen_tokens = static_cast<std::int64_t>(world.leak * kValidTokens);
  row.loss_seen_nats = clean * (1 - world.leak_gain * read);
  row.loss_nats = (1 - world.leak) * clean + world.leak * *row.loss_seen_nats;
  return row;
}

}  // namespace

double TransferWorld::read_share(double tokens) const { return std::min(1.0, tokens / 1e11); }

double TransferWorld::scratch_loss(double params, double tokens) const {
  return e + a / std::pow(params, alpha) + b / std::pow(tokens, beta);
}

double TransferWorld::continued_loss(double params, double tokens, double replay_share,
                                     double of_base) const {
  const double effective = tokens * (1 + tau * replay_share / (1 - replay_share));
  return e + a / std::pow(params, alpha) +
         of_base * b_continued / (std::pow(effective, beta_continued) * std::pow(params, gamma));
}

double TransferWorld::source_rise(double params, double tokens, double replay_share) const {
  const double of_both = tokens / (1 - replay_share);
  return forget * std::pow(of_both, forget_tokens) /
             std::pow((1 + keep * replay_share) * params, forget_size) +
         gained;
}

double TransferWorld::equal_tokens(double params, double tokens) const {
  return std::pow(b * std::pow(tokens, beta_continued) * std::pow(params, gamma) / b_continued,
                  1 / beta);
}

db::RunStore simulate(const TransferWorld& world, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "planted.toml";
  std::ofstream(file) << spec_of(world);
  const sweep::SweepSpec spec = sweep::read_spec(file);
  const sweep::Plan plan = sweep::make_plan(
      spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
  db::RunStore store = db::RunStore::create(folder / "crosslaw.db");
  store.put_sweep(spec.name, spec_of(world), "test", 1);
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
  store.sync_runs(rows);
  // Losses on the source language have a stream of their own, so that they change no other loss.
  std::mt19937_64 engine(world.seed), source_engine(world.seed + (std::uint64_t{1} << 32));
  std::normal_distribution<double> normal, source_normal;
  const auto noisy = [&](double loss) { return loss * std::exp(world.noise * normal(engine)); };
  const auto noisy_source = [&](double loss) {
    return loss * std::exp(world.noise * source_normal(source_engine));
  };
  std::map<std::string, double> source_loss;  // by key, as the models truly are
  for (const db::RunRow& run : store.runs()) {
    const auto params = static_cast<double>(run.params_embedding + run.params_unembedding +
                                            run.params_blocks + run.params_norms);
    const auto tokens = static_cast<double>(run.tokens_target);
    std::vector<db::EvalRow> evals;
    if (run.source_language) {
      const double of_base =
          std::pow(run.base_tokens_per_param.value_or(20) / 20, -world.base_exponent);
      const double loss = world.continued_loss(params, tokens, run.replay, of_base);
      evals.push_back(leaked(end_of(run, run.language, noisy(loss)), world));
      const double start = source_loss.at(*run.parent_key);
      evals.push_back(end_of(run, *run.source_language,
                             noisy_source(start + world.source_rise(params, tokens, run.replay))));
    } else {
      const double loss = world.scratch_loss(params, tokens);
      source_loss[run.key] = loss;
      evals.push_back(leaked(end_of(run, run.language, noisy(loss)), world));
    }
    const std::int64_t id =
        store.begin_attempt({.run_id = run.id, .n = 1, .token = run.key, .folder = "runs/x"});
    store.ingest(run.id, id, {.evals = evals});
    store.end_attempt(id, {.outcome = db::Outcome::kDone, .step = run.steps}, 2);
  }
  return store;
}

}  // namespace crosslaw::tests
