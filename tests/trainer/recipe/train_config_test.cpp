#include "trainer/recipe/train_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

TrainConfig sample() {
  TrainConfig c;
  Recipe& r = c.recipe;
  r.model = {256, 12, 52, 2, 2, true};
  r.tokenizer_sha256 = "tok";
  r.context_tokens = 64;
  r.batch_sequences = 8;
  r.schedule = {ScheduleKind::kWsd, 100, 5, 20, 0.02, 0.1};
  r.mixture = {{"fr", 0.75, "s1"}, {"en", 0.25, "s2"}};
  r.validation = {{"fr", "v1"}, {"en", "v2"}};
  r.seed = 5;
  c.execution.token = "t";
  c.execution.train_shards = {{"fr", "fr.train"}, {"en", "en.train"}};
  c.execution.valid_shards = {{"fr", "fr.valid"}, {"en", "en.valid"}};
  c.execution.evaluation_steps = {10, 100};
  return c;
}

}  // namespace

TEST_CASE("a config comes back from its file with the same identity") {
  tests::TempFolder folder;
  TrainConfig config = sample();
  REQUIRE(complaints(config).empty());
  write_config(config, folder / "config.json");
  TrainConfig read = read_config(folder / "config.json");
  CHECK(run_key(read.recipe) == run_key(config.recipe));
  CHECK(read.execution.evaluation_steps == config.execution.evaluation_steps);
  CHECK(read.execution.train_shards == config.execution.train_shards);
}

TEST_CASE("whatever can change a loss changes the key") {
  Recipe base = sample().recipe;
  std::vector<Recipe> changed(12, base);
  changed[0].model.ffn = 56;
  changed[1].model.tied_head = false;
  changed[2].schedule.peak_learning_rate = 0.021;
  changed[3].schedule.steps = 101;
  changed[4].optimizer.weight_decay = 0;
  changed[5].seed = 6;
  changed[6].mixture[0].sha256 = "other";
  changed[7].mixture[0].share = 0.5, changed[7].mixture[1].share = 0.5;
  changed[8].init_std = 0.02;
  changed[9].parent_key = "p";
  changed[10].validation[0].sha256 = "other";
  changed[11].batch_sequences = 4;
  std::vector<std::string> keys = {run_key(base)};
  for (const Recipe& recipe : changed) keys.push_back(run_key(recipe));
  std::sort(keys.begin(), keys.end());
  CHECK(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
}

TEST_CASE("paths, devices and evaluation points stay out of the key") {
  TrainConfig a = sample(), b = sample();
  b.execution.device = "cuda";
  b.execution.threads = 4;
  b.execution.train_shards["fr"] = "elsewhere";
  b.execution.evaluation_steps = {1};
  CHECK(run_key(a.recipe) == run_key(b.recipe));
}

TEST_CASE("runs of one trajectory share it, whatever their budget") {
  Recipe a = sample().recipe, longer = a, cosine = a;
  longer.schedule.steps = 400, longer.schedule.cooldown_steps = 80;
  CHECK(trajectory_key(a) == trajectory_key(longer));
  CHECK(run_key(a) != run_key(longer));
  longer.seed = 9;
  CHECK(trajectory_key(a) != trajectory_key(longer));
  cosine.schedule.kind = ScheduleKind::kCosine;
  Recipe longer_cosine = cosine;
  longer_cosine.schedule.steps = 400;
  CHECK(trajectory_key(cosine) != trajectory_key(longer_cosine));
}

TEST_CASE("problems name field, value and bound") {
  TrainConfig c = sample();
  c.recipe.model.heads = 5;
  c.recipe.schedule.warmup_steps = 90;
  c.recipe.optimizer.beta2 = 1;
  c.recipe.mixture[0].share = 0.5;
  c.execution.threads = 0;
  auto messages = complaints(c);
  auto has = [&](const std::string& text) {
    return std::any_of(messages.begin(), messages.end(),
                       [&](const std::string& m) { return m.find(text) != std::string::npos; });
  };
  CHECK(has("model.heads = 5: must be a divisor of hidden = 12 (head size 2.40 is not whole)"));
  CHECK(has("schedule.steps = 100: must be at least warmup_steps + cooldown_steps = 110"));
  CHECK(has("optimizer.beta2 = 1: must be in [0, 1)"));
  CHECK(has("sum of mixture.share = 0.75: must be 1"));
  CHECK(has("threads = 0: must be at least 1"));
}

TEST_CASE("a damaged or newer config is refused by name") {
  tests::TempFolder folder;
  write_config(sample(), folder / "config.json");
  std::string whole = tests::read_file(folder / "config.json");
  for (size_t length = 0; length + 2 < whole.size(); length += 7) {
    auto file = folder.write("cut.json", whole.substr(0, length));
    CHECK_THAT(tests::message_of([&] { read_config(file); }), Catch::Contains("cut.json"));
  }
  nlohmann::json newer = nlohmann::json::parse(whole);
  newer["version"] = 99;
  CHECK_THAT(tests::message_of([&] { read_config(folder.write("new.json", newer.dump())); }),
             Catch::Contains("version 99 is newer"));
  CHECK_THAT(tests::message_of([&] { read_config(folder / "none.json"); }),
             Catch::Contains("none.json: cannot be read"));
}

}  // namespace crosslaw::trainer
