// Several ranks as threads against one: losses, checkpoints, and what happens when one is lost.
#include <chrono>
#include <functional>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/training_workshop.h"
#include "trainer/ranks/shared_memory_ranks.h"
#include "trainer/training_loop.h"

namespace crosslaw::trainer {
namespace {

using tests::Journal;
using Workshop = tests::TrainingWorkshop;
// Asked once a step by each rank.
using ShouldStop = std::function<bool(int64_t rank, int64_t step)>;

struct RanksJournal {
  Journal first;                   // of rank 0
  std::vector<RunResult> results;  // by rank
  std::vector<std::string> thrown;
  double seconds = 0;
};

// What a thread of one rank does; Catch is for the main thread alone.
void train_rank(const TrainConfig& config, const std::filesystem::path& folder, int64_t rank,
                const ShouldStop& should_stop, RanksJournal& journal) {
  TrainHooks hooks;
  int64_t asked = 0;
  hooks.should_stop = [&, rank] { return should_stop && should_stop(rank, asked++); };
  // Only rank 0 reports.
  hooks.on_eval = [&](const EvalLine& e) {
    journal.first.evals[{e.language, e.step}] = e.loss_nats.value_or(NAN);
  };
  hooks.on_train = [&](const TrainLines& t) {
    for (size_t i = 0; i < t.loss_nats.size(); ++i) {
      const int64_t step = t.first_step + static_cast<int64_t>(i);
      journal.first.losses[step] = t.loss_nats[i].value_or(NAN);
      journal.first.gradient_norms[step] = t.gradient_norm.at(i).value_or(NAN);
    }
  };
  hooks.on_checkpoint = [&](const CheckpointLine& c) { journal.first.checkpoints.push_back(c); };
  try {
    const auto ranks = shared_memory_ranks(folder / "meeting", rank, config.execution.ranks,
                                           config.execution.rank_timeout_seconds);
    journal.results[static_cast<size_t>(rank)] = train(config, folder, hooks, *ranks);
  } catch (const std::exception& error) {
    journal.thrown[static_cast<size_t>(rank)] = error.what();
  }
}

RanksJournal run_ranks(const Workshop& w, TrainConfig config, const std::string& attempt,
                       int64_t ranks, const ShouldStop& should_stop = {}) {
  config.execution.ranks = ranks;
  REQUIRE(complaints(config).empty());
  const std::filesystem::path folder = w.files.folder / attempt;
  std::filesystem::create_directories(folder);
  RanksJournal journal;
  journal.results.resize(static_cast<size_t>(ranks));
  journal.thrown.resize(static_cast<size_t>(ranks));
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] { train_rank(config, folder, rank, should_stop, journal); });
  for (std::thread& thread : threads) thread.join();
  journal.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  journal.first.result = journal.results.front();
  return journal;
}

// Three layers and a head of its own: five buckets. Eight sequences a step.
TrainConfig deep_config(const Workshop& w, int64_t steps) {
  TrainConfig config = w.config("fr", steps);
  config.recipe.model = {256, 12, 24, 2, 3, false};
  config.recipe.batch_sequences = 8;
  config.execution.evaluation_steps = {steps / 2};
  return config;
}

bool all_ended(const RanksJournal& journal, Outcome outcome) {
  bool all = true;
  for (const RunResult& result : journal.results) all = all && result.outcome == outcome;
  return all;
}

std::string bytes_of(const Workshop& w, const std::string& attempt, int64_t step,
                     const std::string& file) {
  return tests::read_file(w.checkpoint(attempt, step) + "/" + file);
}

}  // namespace

TEST_CASE("one, two, four and eight ranks give the same losses and weights to the last bit") {
  const Workshop w;
  TrainConfig config = deep_config(w, 15);
  config.execution.gradient_parts = 8;
  config.execution.publish_steps = {6};
  const Journal one = w.run(config, "one");
  REQUIRE(one.losses.size() == 15);
  for (const int64_t ranks : {2, 4, 8}) {
    const std::string name = std::to_string(ranks);
    const RanksJournal several = run_ranks(w, config, name, ranks);
    INFO(ranks << " ranks: " << several.results.back().message << several.thrown.front());
    CHECK(all_ended(several, Outcome::kDone));
    CHECK(several.first.losses == one.losses);
    CHECK(several.first.gradient_norms == one.gradient_norms);
    CHECK(several.first.evals == one.evals);
    for (const char* file : {"model.safetensors", "moment1.safetensors", "moment2.safetensors"})
      CHECK(bytes_of(w, name, 6, file) == bytes_of(w, "one", 6, file));
    CHECK(bytes_of(w, name, 15, "model.safetensors") ==
          bytes_of(w, "one", 15, "model.safetensors"));
  }
}

TEST_CASE("ranks differ from one rank by rounding alone, also where the batch is not divisible") {
  const Workshop w;
  TrainConfig config = deep_config(w, 10);
  config.recipe.batch_sequences = 7;
  const Journal one = w.run(config, "one");
  for (const int64_t ranks : {2, 3, 7}) {
    const RanksJournal several = run_ranks(w, config, std::to_string(ranks), ranks);
    INFO(ranks << " ranks");
    REQUIRE(several.first.losses.size() == 10);
    // The first step has seen no update: sums of the same numbers in another order.
    CHECK(several.first.losses.at(0) == Approx(one.losses.at(0)).epsilon(1e-12));
    CHECK(several.first.gradient_norms.at(0) == Approx(one.gradient_norms.at(0)).epsilon(1e-6));
    for (const auto& [step, loss] : one.losses)
      CHECK(several.first.losses.at(step) == Approx(loss).epsilon(1e-4));
    CHECK(several.first.evals.at({"fr", 10}) == Approx(one.evals.at({"fr", 10})).epsilon(1e-4));
  }
}

TEST_CASE("a checkpoint of any number of ranks is continued by any other, to the last bit") {
  const Workshop w;
  TrainConfig config = deep_config(w, 12);
  config.execution.gradient_parts = 4;
  const Journal whole = w.run(config, "whole");
  for (const int64_t writers : {1, 2, 4}) {
    const std::string begun = "begun by " + std::to_string(writers);
    TrainConfig first = config;
    first.execution.publish_steps = {5};
    run_ranks(w, first, begun, writers, [](int64_t, int64_t step) { return step == 5; });
    for (const int64_t readers : {1, 2, 4}) {
      TrainConfig again = config;
      again.execution.start_checkpoints = {w.checkpoint(begun, 5)};
      const std::string name = begun + ", continued by " + std::to_string(readers);
      const RanksJournal rest = run_ranks(w, again, name, readers);
      INFO(name);
      CHECK(rest.first.result.start_step == 5);
      CHECK(rest.first.evals.at({"fr", 12}) == whole.evals.at({"fr", 12}));
      CHECK(rest.first.losses.at(11) == whole.losses.at(11));
    }
  }
}

TEST_CASE("when any rank is asked to stop, all stop after the same step with a checkpoint") {
  const Workshop w;
  const TrainConfig config = deep_config(w, 40);
  for (const int64_t asked : {0, 1, 2}) {
    const std::string name = std::to_string(asked);
    const RanksJournal j = run_ranks(
        w, config, name, 3, [&](int64_t rank, int64_t step) { return rank == asked && step == 5; });
    CHECK(all_ended(j, Outcome::kStopped));
    for (const RunResult& result : j.results) CHECK(result.step == j.results.front().step);
    // Learned with the sums of the step that was under way.
    CHECK(j.first.result.step == 6);
    CHECK(std::filesystem::exists(w.checkpoint(name, 6)));
  }
}

TEST_CASE("ranks find a divergence at the same step") {
  const Workshop w;
  TrainConfig config = deep_config(w, 200);
  config.recipe.schedule.peak_learning_rate = 1e6;
  config.recipe.optimizer.clip_norm = 0;
  const RanksJournal j = run_ranks(w, config, "a", 4);
  CHECK(all_ended(j, Outcome::kDiverged));
  for (const RunResult& result : j.results) CHECK(result.message == j.results.front().message);
  CHECK(j.first.result.step < 200);
}

TEST_CASE("a checkpoint by the clock is made by all ranks together") {
  const Workshop w;
  TrainConfig config = deep_config(w, 10);
  config.execution.checkpoint_every_seconds = 1e-9;
  config.execution.checkpoint_time_share = 1;
  const RanksJournal j = run_ranks(w, config, "a", 2);
  CHECK(all_ended(j, Outcome::kDone));
  CHECK(j.first.checkpoints.size() == 10);
}

TEST_CASE("a rank that fails ends the others at once with its reason, and the run resumes") {
  const Workshop w;
  TrainConfig config = deep_config(w, 20);
  config.execution.gradient_parts = 4;
  config.execution.publish_steps = {8};
  const Journal whole = w.run(config, "whole");
  const RanksJournal j = run_ranks(w, config, "a", 4, [](int64_t rank, int64_t step) {
    if (rank == 2 && step == 12) throw std::runtime_error("the GPU fell off the bus");
    return false;
  });
  CHECK(j.thrown[2] == "the GPU fell off the bus");
  for (const size_t other : {0, 1, 3}) {
    CHECK(j.results[other].outcome == Outcome::kCrashed);
    CHECK(j.results[other].message == "rank 2: the GPU fell off the bus");
  }
  CHECK(j.seconds < 30);
  config.execution.start_checkpoints = {w.checkpoint("a", 8)};
  const RanksJournal rest = run_ranks(w, config, "b", 2);
  CHECK(rest.first.result.start_step == 8);
  CHECK(rest.first.evals.at({"fr", 20}) == whole.evals.at({"fr", 20}));
}

TEST_CASE("a rank that hangs ends the others within the time limit") {
  const Workshop w;
  TrainConfig config = deep_config(w, 20);
  config.execution.rank_timeout_seconds = 0.5;
  const RanksJournal j = run_ranks(w, config, "a", 3, [](int64_t rank, int64_t step) {
    if (rank == 1 && step == 4) std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    return false;
  });
  for (const RunResult& result : j.results) {
    CHECK(result.outcome == Outcome::kCrashed);
    CHECK(result.message == "rank 1 did not come to the others within 0.5 seconds");
  }
  CHECK(j.seconds < 10);
}

TEST_CASE("a start that one rank cannot make is not made by the others either") {
  const Workshop w;
  TrainConfig config = deep_config(w, 10);
  config.execution.start_checkpoints = {w.checkpoint("nowhere", 5)};
  const RanksJournal j = run_ranks(w, config, "a", 2);
  CHECK(all_ended(j, Outcome::kDone));
  CHECK(j.first.result.start_step == 0);
  config.recipe.parent_key = "some run";
  config.execution.parent_checkpoint = w.checkpoint("nowhere", 5);
  CHECK(all_ended(run_ranks(w, config, "b", 2), Outcome::kRefused));
}

TEST_CASE("ranks and parts that do not fit the batch are complaints") {
  const Workshop w;
  auto complaint = [&](int64_t ranks, int64_t parts) {
    TrainConfig config = w.config("fr", 10);
    config.execution.ranks = ranks;
    config.execution.gradient_parts = parts;
    const auto messages = complaints(config);
    return messages.empty() ? "" : messages.front();
  };
  CHECK(complaint(4, 0).empty());
  CHECK(complaint(2, 4).empty());
  CHECK(complaint(5, 0) ==
        "ranks = 5: must be at most batch_sequences = 4: each takes at least one sequence");
  CHECK(
      complaint(1, 8) ==
      "gradient_parts = 8: must be at most batch_sequences = 4: each takes at least one sequence");
  CHECK(complaint(2, 3) == "gradient_parts = 3: must be a multiple of ranks = 2, or 0");
  CHECK(complaint(0, 0) == "ranks = 0: must be at least 1");
}

}  // namespace crosslaw::trainer
