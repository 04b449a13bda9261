#include "trainer/training_loop.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/training_workshop.h"
#include "trainer/recipe/learning_rate.h"

namespace crosslaw::trainer {
namespace {

using tests::Journal;
using Workshop = tests::TrainingWorkshop;

// A copy of a shard in which token `place` is `token`.
std::string damaged(const std::string& shard, int64_t place, uint16_t token) {
  std::string bytes = tests::read_file(shard);
  std::memcpy(bytes.data() + 64 + 2 * place, &token, sizeof token);
  std::ofstream(shard + ".damaged", std::ios::binary) << bytes;
  return shard + ".damaged";
}

bool same_from(const Journal& part, const Journal& whole, int64_t first) {
  for (const auto& [step, loss] : whole.losses) {
    if (step >= first && (!part.losses.contains(step) || part.losses.at(step) != loss))
      return false;
  }
  return true;
}

}  // namespace

TEST_CASE("training lowers the loss and ends with a validation and a checkpoint") {
  Workshop w;
  TrainConfig config = w.config("fr", 60);
  config.execution.evaluation_steps = {10, 30};
  Journal j = w.run(config, "a");
  CHECK(j.result.outcome == Outcome::kDone);
  CHECK(j.result.step == 60);
  CHECK(j.result.token == "token");
  CHECK(j.evals.size() == 3);
  CHECK(j.evals.at({"fr", 60}) < j.evals.at({"fr", 10}) - 0.3);
  CHECK(j.losses.size() == 60);
  CHECK(j.checkpoints.back().step == 60);
}

TEST_CASE("a run that is stopped and started again equals an undisturbed one to the last bit") {
  Workshop w;
  TrainConfig config = w.config("fr", 40);
  config.execution.evaluation_steps = {5, 20};
  Journal whole = w.run(config, "whole");
  for (int64_t stop : {1, 7, 39}) {
    std::string name = "part" + std::to_string(stop);
    Journal first = w.run(config, name, stop);
    CHECK(first.result.outcome == Outcome::kStopped);
    CHECK(first.result.step == stop);
    TrainConfig again = config;
    again.execution.start_checkpoints = {w.checkpoint(name, stop)};
    Journal second = w.run(again, name + "b");
    CHECK(second.result.start_step == stop);
    CHECK(same_from(second, whole, stop));
    CHECK(second.evals.at({"fr", 40}) == whole.evals.at({"fr", 40}));
    CHECK(tests::read_file(w.checkpoint(name + "b", 40) + "/model.safetensors") ==
          tests::read_file(w.checkpoint("whole", 40) + "/model.safetensors"));
  }
}

TEST_CASE(
    "a short budget that branches off a longer run equals one trained alone to the last bit") {
  Workshop w;
  TrainConfig longer = w.config("fr", 60), shorter = w.config("fr", 30);
  int64_t shared = shared_steps(shorter.recipe.schedule);
  longer.execution.publish_steps = {shared};
  w.run(longer, "trunk");
  Journal alone = w.run(shorter, "alone");
  shorter.execution.start_checkpoints = {w.checkpoint("trunk", shared)};
  Journal branch = w.run(shorter, "branch");
  CHECK(branch.result.start_step == shared);
  CHECK(branch.evals == alone.evals);
  CHECK(same_from(branch, alone, shared));
}

TEST_CASE("a damaged checkpoint is named and the next best is used") {
  Workshop w;
  TrainConfig config = w.config("fr", 30);
  config.execution.publish_steps = {10, 20};
  Journal whole = w.run(config, "a");
  std::ofstream(w.checkpoint("a", 20) + "/model.safetensors", std::ios::app) << "x";
  config.execution.start_checkpoints = {w.checkpoint("a", 20), w.checkpoint("a", 25),
                                        w.checkpoint("a", 10)};
  Journal again = w.run(config, "b");
  CHECK(again.result.start_step == 10);
  CHECK_THAT(again.said[0], has_text("checkpoint-00000020: model.safetensors is damaged"));
  CHECK_THAT(again.said[1], has_text("checkpoint-00000025: state.json is missing"));
  CHECK(again.evals.at({"fr", 30}) == whole.evals.at({"fr", 30}));
}

TEST_CASE("a checkpoint of another run, or from a cooldown, is not resumed from") {
  Workshop w;
  TrainConfig config = w.config("fr", 30), other = w.config("fr", 60);
  other.recipe.seed = 9;
  config.execution.publish_steps = {28};
  other.execution.publish_steps = {10};
  w.run(other, "other");
  w.run(config, "a");
  TrainConfig longer = w.config("fr", 60);
  longer.execution.start_checkpoints = {w.checkpoint("a", 28), w.checkpoint("other", 10)};
  Journal j = w.run(longer, "b");
  CHECK(j.result.start_step == 0);
  CHECK_THAT(j.said[0], has_text("belongs to another run"));
  CHECK_THAT(j.said[1], has_text("belongs to another run"));
}

TEST_CASE(
    "a continued run starts from its parent's weights with a fresh optimizer and keeps the data "
    "order") {
  Workshop w;
  TrainConfig parent = w.config("en", 60);
  Journal source = w.run(parent, "parent");
  TrainConfig child = w.config("fr", 40);
  w.add_language(child, "en", 1.0);
  child.recipe.mixture.pop_back();
  child.recipe.parent_key = run_key(parent.recipe);
  child.recipe.parent_step = 60;
  child.execution.parent_checkpoint = w.checkpoint("parent", 60);
  child.execution.evaluation_steps = {1};
  Journal continued = w.run(child, "child"), scratch = w.run(w.config("fr", 40), "scratch");
  CHECK(continued.result.outcome == Outcome::kDone);
  // After one step the source language is still better known than the target language.
  CHECK(continued.evals.at({"en", 1}) < continued.evals.at({"fr", 1}));
  CHECK(continued.evals.at({"fr", 40}) < scratch.evals.at({"fr", 40}));
  CHECK(continued.evals.at({"en", 40}) > continued.evals.at({"en", 1}));
}

TEST_CASE("replay mixes the source language in its share and keeps it better") {
  Workshop w;
  TrainConfig parent = w.config("en", 60);
  w.run(parent, "parent");
  auto child = [&](double replay, const std::string& name) {
    TrainConfig c = w.config("fr", 40);
    w.add_language(c, "en", replay);
    c.recipe.mixture[0].share = 1 - replay;
    if (replay == 0) c.recipe.mixture.pop_back();
    c.recipe.parent_key = run_key(parent.recipe);
    c.recipe.parent_step = 60;
    c.execution.parent_checkpoint = w.checkpoint("parent", 60);
    return w.run(c, name);
  };
  CHECK(child(0.5, "half").evals.at({"en", 40}) < child(0, "none").evals.at({"en", 40}));
}

TEST_CASE("a parent checkpoint that cannot be used is refused with its name") {
  Workshop w;
  TrainConfig child = w.config("fr", 10);
  child.recipe.parent_key = "some run";
  child.recipe.parent_step = 60;
  child.execution.parent_checkpoint = w.checkpoint("nowhere", 60);
  Journal j = w.run(child, "child");
  CHECK(j.result.outcome == Outcome::kRefused);
  CHECK_THAT(j.result.message, has_text("nowhere") && has_text("state.json is missing"));
  Journal other = w.run(w.config("en", 10), "other");
  child.execution.parent_checkpoint = w.checkpoint("other", 10);
  CHECK_THAT(w.run(child, "child2").result.message, has_text("belongs to another run"));
}

TEST_CASE("a learning rate that is far too large ends as diverged, not as a crash") {
  Workshop w;
  TrainConfig config = w.config("fr", 200);
  config.recipe.schedule.peak_learning_rate = 1e6;
  config.recipe.optimizer.clip_norm = 0;
  Journal j = w.run(config, "a");
  CHECK(j.result.outcome == Outcome::kDiverged);
  CHECK_THAT(j.result.message, has_text("step "));
  CHECK(j.result.step < 200);
}

TEST_CASE("a GPU that is not there is refused") {
  Workshop w;
  TrainConfig config = w.config("fr", 10);
  config.execution.device = "cuda";
  config.execution.gpu_uuid = "GPU-00000000-0000-0000-0000-000000000000";
  Journal j = w.run(config, "a");
  CHECK(j.result.outcome == Outcome::kRefused);
  CHECK_THAT(j.result.message, has_text("was promised"));
}

namespace {

// LibTorch's CPU memory with a bound on single requests, or with one request that fails.
class ShortMemory : public c10::Allocator {
 public:
  explicit ShortMemory(size_t largest, int64_t failing = -1)
      : largest_(largest), failing_(failing), whole_(c10::GetCPUAllocator()) {
    c10::SetCPUAllocator(this);
  }
  ~ShortMemory() override { c10::SetCPUAllocator(whole_); }
  c10::DataPtr allocate(size_t bytes) override {
    // The sentence of c10/core/impl/alloc_cpu.cpp.
    TORCH_CHECK(bytes <= largest_ && failing_-- != 0,
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes,
                " bytes.");
    return whole_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return whole_->raw_deleter(); }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  size_t largest_;
  int64_t failing_;
  c10::Allocator* whole_;
};

}  // namespace

// The largest buffer is that of the logits: 32 KiB a sequence.
TEST_CASE("out of memory halves the micro-batch until it fits, and says what it used") {
  Workshop w;
  const Journal plenty = w.run(w.config("fr", 20), "plenty");
  CHECK(plenty.result.micro_batch_sequences == 4);
  for (const auto& [largest, sequences] : {std::pair<size_t, int64_t>{100'000, 2}, {50'000, 1}}) {
    TrainConfig same = w.config("fr", 20);
    same.execution.micro_batch_sequences = sequences;
    const std::string name = std::to_string(sequences);
    const Journal asked = w.run(same, "asked" + name);
    ShortMemory memory(largest);
    const Journal found = w.run(w.config("fr", 20), "found" + name);
    CHECK(found.result.outcome == Outcome::kDone);
    CHECK(found.result.micro_batch_sequences == sequences);
    CHECK(found.losses == asked.losses);
    CHECK(found.evals == asked.evals);
    REQUIRE_FALSE(found.said.empty());
    CHECK_THAT(found.said[0], has_text("out of memory with micro-batches of 4 sequences"));
  }
}

TEST_CASE("where not even one sequence fits the run ends as out of memory, without a stack") {
  Workshop w;
  ShortMemory memory(30'000);
  const Journal j = w.run(w.config("fr", 20), "a");
  CHECK(j.result.outcome == Outcome::kOutOfMemory);
  CHECK_THAT(j.result.message, has_text("not even one sequence at a time fits"));
  CHECK(j.result.message.find("frame #") == std::string::npos);
}

TEST_CASE("whichever request of a run fails, it goes on with half or ends as out of memory") {
  Workshop w;
  const double loss = w.run(w.config("fr", 8), "whole").evals.at({"fr", 8});
  int64_t went_on = 0, untouched = 0;
  for (int64_t failing = 0; untouched < 2; failing = 1 + failing * 5 / 4) {
    Journal j;
    {
      ShortMemory memory(size_t{1} << 40, failing);
      j = w.run(w.config("fr", 8), "a" + std::to_string(failing));
    }
    INFO("request " << failing << ": " << j.result.message);
    REQUIRE((j.result.outcome == Outcome::kDone || j.result.outcome == Outcome::kOutOfMemory));
    if (j.result.outcome != Outcome::kDone) continue;
    CHECK(j.losses.size() == 8);
    CHECK(j.evals.at({"fr", 8}) == Approx(loss).epsilon(1e-4));
    (j.result.micro_batch_sequences == 4 ? untouched : went_on) += 1;
  }
  CHECK(went_on > 5);
}

TEST_CASE("all that was reported is on the disk before a checkpoint is there") {
  Workshop w;
  TrainConfig config = w.config("fr", 12);
  config.execution.publish_steps = {4, 8};
  std::vector<int64_t> synced;
  int64_t reported = 0;
  TrainHooks hooks;
  hooks.on_train = [&](const TrainLines& t) {
    reported = t.first_step + static_cast<int64_t>(t.loss_nats.size());
  };
  hooks.sync = [&] {
    synced.push_back(reported);
    CHECK_FALSE(std::filesystem::exists(w.files.folder / checkpoint_name(reported)));
  };
  // It is written beside training, which may have synced its next lines by then.
  hooks.on_checkpoint = [&](const CheckpointLine& c) {
    CHECK(std::find(synced.begin(), synced.end(), c.step) != synced.end());
  };
  train(config, w.files.folder.path(), hooks);
  CHECK(synced == std::vector<int64_t>{4, 8, 12});
}

TEST_CASE("micro-batches change the arithmetic order only") {
  Workshop w;
  TrainConfig whole = w.config("fr", 20), parts = whole;
  parts.execution.micro_batch_sequences = 1;
  double a = w.run(whole, "a").evals.at({"fr", 20}), b = w.run(parts, "b").evals.at({"fr", 20});
  CHECK(a == Approx(b).epsilon(1e-4));
}

TEST_CASE("checkpoints on a timer are kept one at a time") {
  Workshop w;
  TrainConfig config = w.config("fr", 12);
  config.execution.checkpoint_every_seconds = 1e-9;
  config.execution.checkpoint_time_share = 1;
  config.execution.publish_steps = {6};
  Journal j = w.run(config, "a");
  CHECK(j.checkpoints.size() == 12);
  int64_t folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(w.files.folder / "a"))
    folders += entry.is_directory();
  CHECK(folders == 2);
  CHECK(std::filesystem::exists(w.checkpoint("a", 6)));
  CHECK(std::filesystem::exists(w.checkpoint("a", 12)));
}

TEST_CASE("validation loss per byte is the loss per token for bytes, but for separators") {
  Workshop w;
  TrainConfig config = w.config("fr", 5);
  double per_token = 0, per_byte = 0;
  TrainHooks hooks;
  hooks.on_eval = [&](const EvalLine& e) {
    per_token = *e.loss_nats, per_byte = *e.loss_nats_per_byte;
  };
  train(config, w.files.folder.path(), hooks);
  CHECK(per_byte > per_token);
  CHECK(per_byte == Approx(per_token).epsilon(0.02));
}

TEST_CASE("a shard that is not the recipe's is refused before the first step, by name") {
  Workshop w;
  for (bool training : {true, false}) {
    TrainConfig config = w.config("fr", 30);
    auto& shards = training ? config.execution.train_shards : config.execution.valid_shards;
    shards["fr"] = damaged(shards["fr"], 100, 65);  // a token like any other
    Journal j = w.run(config, training ? "a" : "b");
    CHECK(j.result.outcome == Outcome::kRefused);
    CHECK(j.result.step == 0);
    CHECK(j.losses.empty());
    CHECK_THAT(j.result.message, has_text(shards["fr"] + ": is not the text of the recipe"));
  }
}

TEST_CASE("a token outside the vocabulary is refused with file and place, as input or as target") {
  Workshop w;
  for (int64_t place : {0, 31, 32, 33, 640, 651}) {
    TrainConfig config = w.config("fr", 30);
    config.recipe.validation[0].sha256.clear();  // as if it had been hashed with the damage
    auto& shard = config.execution.valid_shards["fr"];
    shard = damaged(shard, place, 60'000);
    Journal j = w.run(config, "a" + std::to_string(place));
    CHECK(j.result.outcome == Outcome::kRefused);
    CHECK_THAT(j.result.message,
               has_text(shard + ": is damaged: token 60000 at " + std::to_string(place) +
                        " is outside the vocabulary of 256"));
  }
}

TEST_CASE("no checkpoint is published from the step that diverges on") {
  Workshop w;
  TrainConfig config = w.config("fr", 40);
  config.recipe.schedule.peak_learning_rate = 1e6;
  config.recipe.optimizer.clip_norm = 0;
  config.execution.checkpoint_every_seconds = 1e-9;
  config.execution.checkpoint_time_share = 1;
  Journal j = w.run(config, "a");
  REQUIRE(j.result.outcome == Outcome::kDiverged);
  int64_t first = 0;
  while (std::isfinite(j.losses.at(first)) && std::isfinite(j.gradient_norms.at(first))) ++first;
  CHECK(j.result.step == first + 1);
  CHECK_THAT(j.result.message, has_text("step " + std::to_string(first) + ":"));
  for (const CheckpointLine& line : tests::some(j.checkpoints)) CHECK(line.step <= first);
}

}  // namespace crosslaw::trainer
