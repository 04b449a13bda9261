// The whole loop against outside truths: plain autograd with AdamW in double precision, an
// undisturbed run, and counts by hand.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/plain_training.h"
#include "tests/support/training_workshop.h"
#include "trainer/model/checkpoint.h"
#include "trainer/recipe/model_cost.h"
#include "trainer/text_stream.h"

namespace crosslaw::trainer {
namespace {

using tests::Journal;
using Workshop = tests::TrainingWorkshop;

}  // namespace

TEST_CASE("training follows plain autograd and AdamW in double precision, step for step") {
  Workshop w;
  for (bool tied : {true, false}) {
    TrainConfig config = w.config("fr", 25);
    config.recipe.model = {256, 16, 40, 2, 2, tied};
    config.recipe.schedule.peak_learning_rate = 0.01;
    config.execution.evaluation_steps = {1};
    Parameters start(config.recipe.model, at::kFloat, at::kCPU);
    start.initialize(config.recipe.seed, config.recipe.init_std);
    tests::PlainTraining plain(config, start, at::kDouble);
    Journal j = w.run(config, tied ? "tied" : "untied");
    ValidationText valid({"fr", ""}, config.execution.valid_shards.at("fr"), 32, 256);
    int64_t clipped = 0;
    for (int64_t step = 0; step < 25; ++step) {
      auto [loss, norm] = plain.step(step);
      INFO("step " << step);
      CHECK(j.losses.at(step) == Approx(loss).epsilon(2e-5));
      CHECK(j.gradient_norms.at(step) == Approx(norm).epsilon(1e-3));
      clipped += norm > config.recipe.optimizer.clip_norm;
      if (step == 0)
        CHECK(j.evals.at({"fr", 1}) == Approx(plain.validation_loss(valid)).epsilon(2e-5));
    }
    CHECK(j.evals.at({"fr", 25}) == Approx(plain.validation_loss(valid)).epsilon(1e-4));
    CHECK(clipped > 0);
    CHECK(j.losses.at(0) == Approx(std::log(256.0)).epsilon(0.1));
  }
}

TEST_CASE("the weights of the final checkpoint give the loss that was reported") {
  Workshop w;
  TrainConfig config = w.config("fr", 15);
  Journal j = w.run(config, "a");
  Parameters loaded(config.recipe.model, at::kFloat, at::kCPU);
  load_checkpoint(loaded, config.recipe.model, false, w.checkpoint("a", 15));
  ValidationText valid({"fr", ""}, config.execution.valid_shards.at("fr"), 32, 256);
  double loss = tests::plain_llama_loss(config.recipe.model, tests::leaves_of(loaded, at::kDouble),
                                        valid.windows_of(tests::all_windows(valid)))
                    .item<double>();
  CHECK(j.evals.at({"fr", 15}) == Approx(loss).epsilon(1e-6));
}

TEST_CASE("losses on windows that training text holds are told apart, and leave the rest") {
  Workshop w;
  TrainConfig config = w.config("fr", 15);
  // Tokens of windows 2, 3 and 4 of 32 predicted tokens each, and of the first.
  config.execution.seen_tokens["fr"] = {{0, 20}, {90, 140}};
  Journal j = w.run(config, "apart");
  Parameters loaded(config.recipe.model, at::kFloat, at::kCPU);
  load_checkpoint(loaded, config.recipe.model, false, w.checkpoint("apart", 15));
  ValidationText valid({"fr", ""}, config.execution.valid_shards.at("fr"), 32, 256);
  const std::vector<int64_t> windows = {0, 2, 3, 4};
  CHECK(valid.windows_touching(config.execution.seen_tokens.at("fr")) == windows);
  const double seen =
      tests::plain_llama_loss(config.recipe.model, tests::leaves_of(loaded, at::kDouble),
                              valid.windows_of(windows))
          .item<double>();
  const EvalLine& end = j.eval_lines.back();
  CHECK(end.seen_tokens == 4 * 32);
  CHECK(end.loss_seen_nats.value() == Approx(seen).epsilon(1e-6));
  // The loss on all of the text is what it is without telling apart.
  config.execution.seen_tokens.clear();
  Journal whole = w.run(config, "not-apart");
  CHECK(whole.eval_lines.back().loss_nats == end.loss_nats);
  CHECK(whole.eval_lines.back().seen_tokens == 0);
}

TEST_CASE("stopped at any step and resumed, a run equals an undisturbed one, files and all") {
  Workshop w;
  const int64_t steps = 12;
  TrainConfig config = w.config("fr", steps);
  config.execution.evaluation_steps = {3, 7};
  Journal whole = w.run(config, "whole");
  std::string weights = tests::read_file(w.checkpoint("whole", steps) + "/model.safetensors");
  for (int64_t stop = 0; stop < steps; ++stop) {
    std::string name = "stop" + std::to_string(stop);
    Journal first = w.run(config, name, stop);
    REQUIRE(first.result.outcome == Outcome::kStopped);
    REQUIRE(first.result.step == stop);
    REQUIRE(first.result.checkpoint == checkpoint_name(stop));
    TrainConfig again = config;
    again.execution.start_checkpoints = {w.checkpoint(name, stop)};
    Journal second = w.run(again, name + "b");
    INFO("stopped after " << stop << " steps");
    REQUIRE(second.result.start_step == stop);
    // The two together are the whole, no step missing and none twice.
    auto losses = first.losses;
    losses.merge(std::map(second.losses));
    REQUIRE(losses == whole.losses);
    REQUIRE(first.losses.size() + second.losses.size() == whole.losses.size());
    auto evals = first.evals;
    evals.merge(std::map(second.evals));
    REQUIRE(evals == whole.evals);
    REQUIRE(tests::read_file(w.checkpoint(name + "b", steps) + "/model.safetensors") == weights);
  }
}

TEST_CASE("stopped after every single step, a run still ends the same") {
  Workshop w;
  TrainConfig config = w.config("fr", 10);
  Journal whole = w.run(config, "whole");
  std::map<int64_t, double> losses;
  for (int64_t attempt = 0;; ++attempt) {
    REQUIRE(attempt < 12);
    std::string name = "a" + std::to_string(attempt);
    Journal j = w.run(config, name, 1);
    losses.merge(j.losses);
    if (j.result.outcome == Outcome::kDone) break;
    config.execution.start_checkpoints = {w.checkpoint(name, j.result.step)};
  }
  CHECK(losses == whole.losses);
}

TEST_CASE("looking at validation losses, publishing and reporting change no step") {
  Workshop w;
  TrainConfig plain = w.config("fr", 16), watched = plain;
  for (int64_t step = 1; step < 16; ++step) watched.execution.evaluation_steps.push_back(step);
  watched.execution.publish_steps = {2, 9};
  w.add_language(watched, "en", 1.0);
  watched.recipe.mixture.pop_back();
  Journal a = w.run(plain, "a"), b = w.run(watched, "b");
  CHECK(a.losses == b.losses);
  CHECK(a.gradient_norms == b.gradient_norms);
  CHECK(a.evals.at({"fr", 16}) == b.evals.at({"fr", 16}));
  CHECK(b.evals.size() == 32);
  CHECK(std::filesystem::exists(w.checkpoint("b", 2)));
  CHECK(std::filesystem::exists(w.checkpoint("b", 9)));
}

TEST_CASE("tokens and FLOPs of every validation are those of the steps before, counted by hand") {
  Workshop w;
  for (double replay : {0.25, 0.1, 0.5}) {
    TrainConfig config = w.config("fr", 20);
    w.add_language(config, "en", replay);
    config.recipe.mixture[0].share = 1 - replay;
    for (int64_t step = 1; step < 20; ++step) config.execution.evaluation_steps.push_back(step);
    // What the steps were really made of: every window is looked up in both languages' text.
    TrainingText text(config);
    TokenShard french(config.execution.train_shards.at("fr"));
    std::vector<int64_t> tokens(static_cast<size_t>(french.info().tokens));
    french.copy(0, french.info().tokens, tokens.data());
    Journal j = w.run(config, "replay" + std::to_string(replay));
    int64_t target = 0, step = 0;
    for (const EvalLine& line : j.eval_lines) {
      for (; step < line.step; ++step) {
        at::Tensor batch = text.batch(step);
        for (int64_t row = 0; row < batch.size(0); ++row) {
          const int64_t* window = batch.data_ptr<int64_t>() + row * 33;
          bool found =
              std::search(tokens.begin(), tokens.end(), window, window + 33) != tokens.end();
          target += found ? 32 : 0;
        }
      }
      INFO("replay " << replay << ", step " << line.step);
      CHECK(line.tokens_target == target);
      CHECK(line.tokens_target + line.tokens_source == line.step * 4 * 32);
      CHECK(std::abs(static_cast<double>(line.tokens_source) -
                     replay * static_cast<double>(line.step * 4 * 32)) <= 32);
      CHECK(line.flops == training_flops_per_token(config.recipe.model, 32) *
                              static_cast<double>(line.step * 4 * 32));
      CHECK(line.end_of_schedule == (line.step == 20));
    }
    CHECK(j.eval_lines.size() == 40);
  }
}

TEST_CASE("along the way only the first language is looked at when so asked, at both ends all") {
  Workshop w;
  TrainConfig config = w.config("fr", 10);
  w.add_language(config, "en", 1.0);
  config.recipe.mixture.pop_back();
  config.execution.evaluation_steps = {0, 2, 5};
  config.execution.others_at_ends_only = true;
  Journal j = w.run(config, "a");
  std::vector<std::pair<std::string, int64_t>> seen;
  for (const auto& [place, loss] : j.evals) seen.push_back(place);
  // In parentheses: LibTorch's printing of vectors does not know pairs.
  CHECK((seen == std::vector<std::pair<std::string, int64_t>>{
                     {"en", 0}, {"en", 10}, {"fr", 0}, {"fr", 2}, {"fr", 5}, {"fr", 10}}));
}

TEST_CASE("a continued run's losses begin with those of its source model, on both texts") {
  Workshop w;
  TrainConfig source = w.config("en", 10);
  w.add_language(source, "fr", 1.0);
  source.recipe.mixture.pop_back();
  Journal s = w.run(source, "source");
  TrainConfig config = w.config("fr", 10);
  w.add_language(config, "en", 1.0);
  config.recipe.mixture.pop_back();
  config.recipe.parent_key = run_key(source.recipe);
  config.recipe.parent_step = 10;
  config.execution.parent_checkpoint = w.checkpoint("source", 10);
  config.execution.evaluation_steps = {0, 3, 6};
  config.execution.others_course_tokens = 100;  // of 1,024; three windows
  Journal j = w.run(config, "continued");
  CHECK(j.evals.at({"en", 0}) == s.evals.at({"en", 10}));
  CHECK(j.evals.at({"fr", 0}) == s.evals.at({"fr", 10}));
  for (const EvalLine& line : tests::some(j.eval_lines)) {
    const bool part = line.language == "en" && line.step != 0 && line.step != 10;
    INFO(line.language << " " << line.step);
    CHECK(line.valid_tokens == (part ? 96 : 1024));
    if (line.step == 0) CHECK(line.tokens_target + line.tokens_source == 0);
    // Bytes are tokens here, but for the marks between documents.
    CHECK(*line.loss_nats_per_byte == Approx(*line.loss_nats).epsilon(0.02));
  }
}

TEST_CASE("a part of the source text is measured as far as it goes, from its beginning") {
  Workshop w;
  TrainConfig config = w.config("fr", 8);
  w.add_language(config, "en", 1.0);
  config.recipe.mixture.pop_back();
  config.execution.evaluation_steps = {4};
  TrainConfig part = config;
  part.execution.others_course_tokens = 512;
  Journal whole = w.run(config, "whole"), half = w.run(part, "half");
  // What is measured changes no step of the training.
  CHECK(half.losses == whole.losses);
  CHECK(half.evals.at({"fr", 4}) == whole.evals.at({"fr", 4}));
  CHECK(half.evals.at({"en", 8}) == whole.evals.at({"en", 8}));
  CHECK(half.evals.at({"en", 4}) != whole.evals.at({"en", 4}));
  CHECK(half.evals.at({"en", 4}) == Approx(whole.evals.at({"en", 4})).epsilon(0.1));
}

TEST_CASE("a checkpoint on a trunk's way is continued by its trajectory and its step") {
  Workshop w;
  TrainConfig trunk = w.config("en", 20);
  trunk.execution.publish_steps = {8, 12};
  w.run(trunk, "trunk");
  TrainConfig config = w.config("fr", 6);
  config.recipe.parent_key = trajectory_key(trunk.recipe);
  config.recipe.parent_step = 8;
  config.execution.parent_checkpoint = w.checkpoint("trunk", 8);
  CHECK(w.run(config, "right").result.outcome == Outcome::kDone);
  config.execution.parent_checkpoint = w.checkpoint("trunk", 12);
  Journal wrong = w.run(config, "wrong");
  CHECK(wrong.result.outcome == Outcome::kRefused);
  CHECK_THAT(wrong.result.message, has_text("belongs to another run"));
}

TEST_CASE(
    "a batch in any micro-batches is the same gradient, and any number asked for is made to fit") {
  Workshop w;
  TrainConfig whole = w.config("fr", 8);
  whole.recipe.batch_sequences = 6;
  Journal reference = w.run(whole, "whole");
  std::map<int64_t, std::map<int64_t, double>> by_size;
  for (int64_t micro : {1, 2, 3, 4, 5, 6, 7, 1000}) {
    TrainConfig parts = whole;
    parts.execution.micro_batch_sequences = micro;
    Journal j = w.run(parts, "micro" + std::to_string(micro));
    for (const auto& [step, loss] : reference.losses)
      CHECK(j.losses.at(step) == Approx(loss).epsilon(1e-4));
    by_size[micro] = j.losses;
  }
  // The largest divisor of 6 that is not larger: the same arithmetic, to the last bit.
  CHECK(by_size.at(4) == by_size.at(3));
  CHECK(by_size.at(5) == by_size.at(3));
  CHECK(by_size.at(7) == reference.losses);
  CHECK(by_size.at(1000) == reference.losses);
  CHECK(by_size.at(1) != reference.losses);
}

TEST_CASE("threads change no loss") {
  Workshop w;
  TrainConfig one = w.config("fr", 6), three = one;
  three.execution.threads = 3;
  Journal a = w.run(one, "one"), b = w.run(three, "three");
  at::set_num_threads(1);
  CHECK(a.losses == b.losses);
}

TEST_CASE("a text of another vocabulary or a shard that is not there is refused with its name") {
  Workshop w;
  TrainConfig config = w.config("fr", 5);
  auto refusal = [&] {
    Journal j = w.run(config, "a");
    CHECK(j.result.outcome == Outcome::kRefused);
    return j.result.message;
  };
  config.recipe.model.vocabulary = 200;
  CHECK_THAT(refusal(), has_text("fr.train.tokens: made for 256 tokens, the model knows 200"));
  config.recipe.model.vocabulary = 256;
  config.execution.valid_shards["fr"] = "/nowhere/fr.valid.tokens";
  CHECK_THAT(refusal(), has_text("/nowhere/fr.valid.tokens: cannot be read"));
  config = w.config("fr", 5);
  config.recipe.context_tokens = 2048;
  CHECK_THAT(refusal(), has_text("fr.valid.tokens: shorter than one context of 2048 tokens"));
}

TEST_CASE(
    "a full disk ends the run with the file's name, leaves no half checkpoint, and it goes on") {
  Workshop w;
  TrainConfig config = w.config("fr", 12);
  Journal whole = w.run(config, "whole");
  config.execution.publish_steps = {4, 8};
  std::string message;
  {
    tests::FullDisk disk(12'000);  // the weights need 4 bytes each, and there are some 5,000
    message = tests::message_of([&] { w.run(config, "full"); });
  }
  CHECK_THAT(message, has_text("checkpoint-00000004.tmp/model.safetensors: writing failed"));
  CHECK(std::filesystem::is_empty(w.files.folder / "full"));
  CHECK(w.run(config, "full").losses == whole.losses);
}

}  // namespace crosslaw::trainer
