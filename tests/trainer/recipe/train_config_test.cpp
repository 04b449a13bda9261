#include "trainer/recipe/train_config.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

TEST_CASE("grouped heads belong to the key, and heads that are LLaMA-2's own leave it as it was") {
  const Recipe base = sample().recipe;
  Recipe grouped = base, wide = base, spelled_out = base;
  grouped.model.kv_heads = 1;
  wide.model.head_dim = 8;
  spelled_out.model.kv_heads = 2, spelled_out.model.head_dim = 6;
  CHECK(run_key(spelled_out) == run_key(base));
  CHECK(to_json(base)["model"].size() == 8);
  for (const Recipe& recipe : {grouped, wide}) {
    CHECK(run_key(recipe) != run_key(base));
    CHECK(recipe_from_json(to_json(recipe)).model.qkv_width() == recipe.model.qkv_width());
    CHECK(run_key(recipe_from_json(to_json(recipe))) == run_key(recipe));
  }
  CHECK(grouped.model.qkv_width() == 2 * 6 + 2 * 6);
  CHECK(wide.model.qkv_width() == 3 * 2 * 8);
  grouped.model.heads = 4, grouped.model.kv_heads = 3;
  CHECK(complaints(grouped.model).at(0) ==
        "model.kv_heads = 3: must be a divisor of heads = 4: queries share keys in equal groups");
  wide.model.head_dim = 5;
  CHECK(complaints(wide.model).at(0).find("head size is even") != std::string::npos);
}

TEST_CASE("optimizer and cooldown are written where they are not the first there were") {
  const Recipe base = sample().recipe;
  Recipe adamh = base, linear = base;
  adamh.optimizer.kind = OptimizerKind::kAdamH, adamh.optimizer.adam_learning_rate = 6e-4;
  linear.schedule.cooldown = Cooldown::kLinear;
  CHECK(to_json(base)["optimizer"].size() == 5);
  CHECK_FALSE(to_json(base)["schedule"].contains("cooldown"));
  for (const Recipe& recipe : {adamh, linear}) {
    CHECK(run_key(recipe) != run_key(base));
    CHECK(run_key(recipe_from_json(to_json(recipe))) == run_key(recipe));
  }
  // Until it cools down, a run does not know how.
  CHECK(trajectory_key(linear) == trajectory_key(base));
  CHECK(trajectory_key(adamh) != trajectory_key(base));
  adamh.optimizer.adam_learning_rate = 0;
  CHECK(complaints(adamh).at(0) == "optimizer.adam_learning_rate = 0: must be positive");
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
    CHECK_THAT(tests::message_of([&] { read_config(file); }), has_text("cut.json"));
  }
  for (size_t bit = 0; bit < 8 * whole.size(); bit += 5) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    auto file = folder.write("flipped.json", flipped);
    REQUIRE_THAT(tests::message_of([&] { read_config(file); }), has_text("flipped.json"));
  }
  nlohmann::json newer = nlohmann::json::parse(whole);
  newer["version"] = 99;
  CHECK_THAT(tests::message_of([&] { read_config(folder.write("new.json", newer.dump())); }),
             has_text("version 99 is newer"));
  CHECK_THAT(tests::message_of([&] { read_config(folder / "none.json"); }),
             has_text("none.json: cannot be read"));
}

namespace {

// The messages about a config with one thing changed.
std::vector<std::string> about(const std::function<void(TrainConfig&)>& change) {
  TrainConfig config = sample();
  change(config);
  return complaints(config);
}

}  // namespace

TEST_CASE("each bound of a config: what breaks it is named alone, what just meets it is not") {
  using Change = std::function<void(TrainConfig&)>;
  struct Bound {
    Change good, bad;
    std::string message;
  };
  for (const Bound& b : std::vector<Bound>{
           {[](auto& c) { c.recipe.model.vocabulary = 2; },
            [](auto& c) { c.recipe.model.vocabulary = 1; },
            "model.vocabulary = 1: must be at least 2"},
           {[](auto& c) { c.recipe.model.ffn = 1; }, [](auto& c) { c.recipe.model.ffn = 0; },
            "model.ffn = 0: must be at least 1"},
           {[](auto& c) { c.recipe.model.layers = 1; }, [](auto& c) { c.recipe.model.layers = 0; },
            "model.layers = 0"},
           {[](auto& c) { c.recipe.model.heads = 6; }, [](auto& c) { c.recipe.model.heads = 4; },
            "model.heads = 4: must be such that the head size is even (rotary pairs); it is 3"},
           {[](auto& c) { c.recipe.model.heads = 3; }, [](auto& c) { c.recipe.model.heads = 7; },
            "model.heads = 7: must be a divisor of hidden = 12"},
           {[](auto& c) { c.recipe.model.norm_epsilon = 1e-300; },
            [](auto& c) { c.recipe.model.norm_epsilon = 0; },
            "model.norm_epsilon = 0: must be positive"},
           {[](auto& c) { c.recipe.model.rope_theta = 1; },
            [](auto& c) { c.recipe.model.rope_theta = NAN; },
            "model.rope_theta = nan: must be positive"},
           {[](auto& c) { c.recipe.schedule.warmup_steps = 80; },
            [](auto& c) { c.recipe.schedule.warmup_steps = 81; },
            "schedule.steps = 100: must be at least warmup_steps + cooldown_steps = 101"},
           {[](auto& c) { c.recipe.schedule.peak_learning_rate = 1e-300; },
            [](auto& c) { c.recipe.schedule.peak_learning_rate = INFINITY; },
            "schedule.peak_learning_rate = inf: must be a positive number"},
           {[](auto& c) { c.recipe.schedule.final_ratio = 1; },
            [](auto& c) { c.recipe.schedule.final_ratio = 1.5; },
            "schedule.final_ratio = 1.5: must be at most 1"},
           {[](auto& c) { c.recipe.schedule.final_ratio = 0; },
            [](auto& c) { c.recipe.schedule.final_ratio = -0.5; },
            "schedule.final_ratio = -0.5: must be at least 0"},
           {[](auto& c) { c.recipe.optimizer.beta1 = 0; },
            [](auto& c) { c.recipe.optimizer.beta1 = -0.1; },
            "optimizer.beta1 = -0.1: must be in [0, 1)"},
           {[](auto& c) { c.recipe.optimizer.epsilon = 1e-30; },
            [](auto& c) { c.recipe.optimizer.epsilon = 0; },
            "optimizer.epsilon = 0: must be positive"},
           {[](auto& c) { c.recipe.optimizer.weight_decay = 0; },
            [](auto& c) { c.recipe.optimizer.weight_decay = -1; }, "optimizer.weight_decay = -1"},
           {[](auto& c) { c.recipe.optimizer.clip_norm = 0; },
            [](auto& c) { c.recipe.optimizer.clip_norm = -1; }, "optimizer.clip_norm = -1"},
           {[](auto& c) { c.recipe.context_tokens = 2; },
            [](auto& c) { c.recipe.context_tokens = 1; }, "context_tokens = 1: must be at least 2"},
           {[](auto& c) { c.recipe.batch_sequences = 1; },
            [](auto& c) { c.recipe.batch_sequences = 0; },
            "batch_sequences = 0: must be at least 1"},
           {[](auto& c) { c.recipe.init_std = 0; }, [](auto& c) { c.recipe.init_std = -0.02; },
            "init_std = -0.02: must be at least 0"},
           {[](auto& c) { c.recipe.precision = "fp32"; },
            [](auto& c) { c.recipe.precision = "fp16"; },
            "precision = fp16: must be auto, fp32 or bf16"},
           {[](auto& c) { c.execution.device = "cuda", c.recipe.precision = "bf16"; },
            [](auto& c) { c.recipe.precision = "bf16"; },
            "precision = bf16: must be fp32 or auto on the CPU"},
           {[](auto& c) { c.execution.device = "cuda"; },
            [](auto& c) { c.execution.device = "tpu"; }, "device = tpu: must be cpu or cuda"},
           {[](auto& c) { c.execution.checkpoint_every_seconds = 1e-9; },
            [](auto& c) { c.execution.checkpoint_every_seconds = 0; },
            "checkpoint_every_seconds = 0: must be positive"},
           {[](auto& c) { c.execution.checkpoint_time_share = 1; },
            [](auto& c) { c.execution.checkpoint_time_share = 0; },
            "checkpoint_time_share = 0: must be in (0, 1]"},
           {[](auto& c) { c.execution.rank_timeout_seconds = 1e-9; },
            [](auto& c) { c.execution.rank_timeout_seconds = 0; },
            "rank_timeout_seconds = 0: must be positive"},
           {[](auto& c) { c.execution.micro_batch_sequences = 0; },
            [](auto& c) { c.execution.micro_batch_sequences = -1; }, "micro_batch_sequences = -1"},
           {[](auto& c) { c.execution.train_shards["zh"] = "more than needed"; },
            [](auto& c) { c.execution.train_shards.erase("en"); }, "train_shards: no shard for en"},
           {[](auto& c) { c.execution.valid_shards["zh"] = "more than needed"; },
            [](auto& c) { c.execution.valid_shards.erase("fr"); }, "valid_shards: no shard for fr"},
           {[](auto& c) { c.recipe.validation.pop_back(); },
            [](auto& c) { c.recipe.validation.clear(); },
            "validation: must name at least one language"},
           {[](auto& c) { c.recipe.parent_key = "p", c.execution.start_checkpoints = {"own"}; },
            [](auto& c) { c.recipe.parent_key = "p"; },
            "parent_checkpoint: the recipe continues a run"},
       }) {
    INFO(b.message);
    CHECK(about(b.good).empty());
    auto messages = about(b.bad);
    REQUIRE(messages.size() == 1);
    CHECK_THAT(messages[0], has_text(b.message));
  }
  auto empty = about([](TrainConfig& c) { c.recipe.mixture.clear(); });
  REQUIRE(empty.size() == 1);
  CHECK_THAT(empty[0], has_text("mixture: must name at least one language"));
}

TEST_CASE(
    "shares that do not sum to one in binary are still one, and a missing thousandth is not") {
  auto thirds = about([](TrainConfig& c) {
    c.recipe.mixture = {{"fr", 0.1, ""}, {"fr", 0.2, ""}, {"en", 0.7, ""}};
  });
  CHECK(thirds.empty());
  auto short_of_one = about([](TrainConfig& c) { c.recipe.mixture[0].share = 0.749; });
  REQUIRE(short_of_one.size() == 1);
  CHECK_THAT(short_of_one[0], has_text("sum of mixture.share = 0.999: must be 1"));
}

TEST_CASE("every part of a config comes back from its file, those of either schedule and start") {
  tests::TempFolder folder;
  for (bool wsd : {true, false}) {
    for (bool continued : {true, false}) {
      TrainConfig c = sample();
      c.recipe.schedule.kind = wsd ? ScheduleKind::kWsd : ScheduleKind::kCosine;
      if (!wsd) c.recipe.schedule.cooldown_steps = 0, c.recipe.schedule.final_ratio = 0.25;
      if (continued) c.recipe.parent_key = "parent", c.recipe.parent_step = 77;
      if (!continued) c.recipe.init_std = 1.0 / 3.0;
      c.recipe.seed = UINT64_MAX;
      c.recipe.optimizer = {0.8, 0.9, 1e-7, 0.3, 0.5};
      c.recipe.precision = "fp32";
      Execution& e = c.execution;
      e.gpu_uuid = "GPU-1", e.threads = 3, e.start_checkpoints = {"b", "a"};
      e.parent_checkpoint = "p", e.others_at_ends_only = true, e.others_course_tokens = 96,
      e.publish_steps = {9, 8};
      e.checkpoint_every_seconds = 1.0 / 7.0, e.micro_batch_sequences = 2, e.device = "cuda";
      e.checkpoint_time_share = 1.0 / 9.0, e.ranks = 4, e.gradient_parts = 8;
      e.rank_timeout_seconds = 1.0 / 11.0, e.deterministic = true;
      write_config(c, folder / "config.json");
      TrainConfig read = read_config(folder / "config.json");
      CHECK(to_json(read.recipe) == to_json(c.recipe));
      CHECK(read.recipe.seed == UINT64_MAX);
      CHECK(read.execution.gpu_uuid == e.gpu_uuid);
      CHECK(read.execution.start_checkpoints == e.start_checkpoints);
      CHECK(read.execution.parent_checkpoint == "p");
      CHECK(read.execution.others_at_ends_only);
      CHECK(read.execution.others_course_tokens == 96);
      CHECK(read.execution.publish_steps == e.publish_steps);
      CHECK(read.execution.checkpoint_every_seconds == 1.0 / 7.0);
      CHECK(read.execution.checkpoint_time_share == 1.0 / 9.0);
      CHECK(read.execution.ranks == 4);
      CHECK(read.execution.gradient_parts == 8);
      CHECK(read.execution.deterministic);
      CHECK(read.execution.rank_timeout_seconds == 1.0 / 11.0);
      CHECK(read.execution.valid_shards == e.valid_shards);
      // Written again it is the same file, to the last byte.
      std::string first = tests::read_file(folder / "config.json");
      write_config(read, folder / "config.json");
      CHECK(tests::read_file(folder / "config.json") == first);
    }
  }
}

TEST_CASE("each key of a config is needed, and its absence is named with the file") {
  tests::TempFolder folder;
  TrainConfig config = sample();
  write_config(config, folder / "config.json");
  nlohmann::json whole = nlohmann::json::parse(tests::read_file(folder / "config.json"));
  whole["version"] = 1;  // as people write it, without a hash
  int64_t tried = 0;
  for (const char* part : {"recipe", "execution"}) {
    for (const auto& [key, value] : whole[part].items()) {
      if (key == "seen_tokens") continue;  // configs of earlier versions have none
      nlohmann::json without = whole, other = whole;
      without[part].erase(key);
      CHECK_THAT(tests::message_of([&] { read_config(folder.write("x.json", without.dump())); }),
                 has_text("x.json: ") && has_text(key));
      // Lists of parts may be null here: an empty mixture is a complaint of its own.
      other[part][key] =
          key == "mixture" || key == "validation" ? nlohmann::json(3) : nlohmann::json();
      CHECK_THAT(tests::message_of([&] { read_config(folder.write("x.json", other.dump())); }),
                 has_text("x.json: "));
      ++tried;
    }
  }
  CHECK(tried >= 20);
  nlohmann::json schedule = whole;
  schedule["recipe"]["schedule"]["kind"] = "linear";
  CHECK_THAT(tests::message_of([&] { read_config(folder.write("x.json", schedule.dump())); }),
             has_text("schedule.kind: linear is neither cosine nor wsd"));
}

// The identity of every run in every user's database: it must never change.
TEST_CASE("the key of a known recipe is the one that earlier versions gave it") {
  Recipe recipe = sample().recipe;
  CHECK(
      to_json(recipe).dump() ==
      R"({"batch_sequences":8,"context_tokens":64,"init":{"std":0.0},"mixture":[{"language":"fr",)"
      R"("sha256":"s1","share":0.75},{"language":"en","sha256":"s2","share":0.25}],"model":{"ffn":52,)"
      R"("heads":2,"hidden":12,"layers":2,"norm_epsilon":1e-05,"rope_theta":10000.0,"tied_head":true,)"
      R"("vocabulary":256},"optimizer":{"beta1":0.9,"beta2":0.95,"clip_norm":1.0,"epsilon":1e-08,)"
      R"("weight_decay":0.1},"precision":"auto","schedule":{"cooldown_steps":20,"kind":"wsd",)"
      R"("peak_learning_rate":0.02,"steps":100,"warmup_steps":5},"seed":5,"tokenizer_sha256":"tok",)"
      R"("validation":[{"language":"fr","sha256":"v1"},{"language":"en","sha256":"v2"}],"version":1})");
}

}  // namespace crosslaw::trainer
