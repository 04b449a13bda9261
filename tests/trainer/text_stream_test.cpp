#include "trainer/text_stream.h"

#include <ATen/ATen.h>

#include <numeric>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

// Token i of the shard is first + i: a row of a batch tells where it was cut.
std::string write_shard(const TempFolder& folder, const std::string& name, int32_t first,
                        int64_t tokens, int64_t vocabulary = 70'000) {
  std::vector<int32_t> values(static_cast<size_t>(tokens));
  std::iota(values.begin(), values.end(), first);
  TokenShardWriter writer(folder / name, vocabulary);
  writer.append(values);
  writer.finish(3 * tokens);
  return (folder / name).string();
}

TrainConfig config_of(const std::vector<MixturePart>& mixture,
                      const std::map<std::string, std::string>& shards) {
  TrainConfig config;
  config.recipe.model.vocabulary = 70'000;
  config.recipe.context_tokens = 10;
  config.recipe.batch_sequences = 7;
  config.recipe.mixture = mixture;
  config.recipe.seed = 5;
  config.execution.train_shards = shards;
  return config;
}

}  // namespace

TEST_CASE("rows are windows of the text, one token longer than the context, each once an epoch") {
  TempFolder folder;
  // 21 windows of 10 and a rest of 4 that fills none.
  TrainingText text(config_of({{"fr", 1.0, ""}}, {{"fr", write_shard(folder, "fr", 1000, 215)}}));
  std::multiset<int64_t> starts;
  for (int64_t step = 0; step < 6; ++step) {
    at::Tensor batch = text.batch(step);
    REQUIRE(batch.sizes() == at::IntArrayRef({7, 11}));
    for (int64_t row = 0; row < 7; ++row) {
      int64_t first = batch[row][0].item<int64_t>();
      CHECK(at::equal(batch[row], at::arange(first, first + 11, at::kLong)));
      starts.insert(first);
    }
  }
  for (int64_t window = 0; window < 21; ++window) CHECK(starts.count(1000 + 10 * window) == 2);
  CHECK(starts.size() == 42);
}

TEST_CASE("a step's batch does not depend on what was asked before") {
  TempFolder folder;
  TrainConfig config = config_of(
      {{"fr", 0.75, ""}, {"en", 0.25, ""}},
      {{"fr", write_shard(folder, "fr", 0, 500)}, {"en", write_shard(folder, "en", 30'000, 300)}});
  TrainingText one(config), other(config);
  for (int64_t step = 0; step < 20; ++step) one.batch(step);
  for (int64_t step : {19, 3, 0, 12}) CHECK(at::equal(one.batch(step), other.batch(step)));
}

TEST_CASE("target and source tokens are counted as the batches are made") {
  TempFolder folder;
  TrainingText text(config_of({{"fr", 0.6, ""}, {"en", 0.3, ""}, {"zh", 0.1, ""}},
                              {{"fr", write_shard(folder, "fr", 0, 500)},
                               {"en", write_shard(folder, "en", 30'000, 300)},
                               {"zh", write_shard(folder, "zh", 60'000, 200)}}));
  int64_t target = 0, source = 0;
  for (int64_t step = 0; step < 50; ++step) {
    CHECK(text.target_tokens(step) == target);
    CHECK(text.source_tokens(step) == source);
    at::Tensor batch = text.batch(step);
    for (int64_t row = 0; row < 7; ++row)
      (batch[row][0].item<int64_t>() < 30'000 ? target : source) += 10;
  }
  CHECK(static_cast<double>(target) / static_cast<double>(target + source) ==
        Approx(0.6).margin(0.01));
}

TEST_CASE("validation windows go through the text in order, without overlap of predicted tokens") {
  TempFolder folder;
  for (auto [tokens, windows] : {std::pair<int64_t, int64_t>{11, 1}, {20, 1}, {21, 2}, {101, 10}}) {
    ValidationText text({"fr", ""}, write_shard(folder, "v", 50, tokens), 10, 70'000);
    CHECK(text.windows() == windows);
    CHECK(text.language() == "fr");
    CHECK(text.text_bytes() == 3 * tokens);
    std::vector<int64_t> all(static_cast<size_t>(windows));
    std::iota(all.begin(), all.end(), 0);
    const at::Tensor whole = text.windows_of(all);
    for (int64_t i = 0; i < windows; ++i) {
      CHECK(at::equal(whole[i], at::arange(50 + 10 * i, 61 + 10 * i, at::kLong)));
      CHECK(at::equal(text.windows_of(std::vector{i})[0], whole[i]));
    }
  }
}

TEST_CASE("windows are found by the tokens that they predict") {
  TempFolder folder;
  const ValidationText text({"fr", ""}, write_shard(folder, "v", 0, 51), 10, 70'000);
  using Windows = std::vector<int64_t>;
  CHECK(text.windows_touching({}) == Windows{});
  CHECK(text.windows_touching({{0, 1}}) == Windows{});  // the first token is never predicted
  CHECK(text.windows_touching({{0, 2}}) == Windows{0});
  CHECK(text.windows_touching({{10, 11}}) == Windows{0});
  CHECK(text.windows_touching({{11, 12}}) == Windows{1});
  CHECK(text.windows_touching({{9, 12}, {30, 31}, {50, 51}}) == Windows{0, 1, 2, 4});
}

TEST_CASE("texts that are too short or of another vocabulary are named") {
  TempFolder folder;
  CHECK_THAT(message_of([&] {
               ValidationText({"fr", ""}, write_shard(folder, "v", 0, 10), 10, 70'000);
             }),
             has_text("v: shorter than one context of 10 tokens"));
  CHECK_THAT(message_of([&] {
               ValidationText({"fr", ""}, write_shard(folder, "v", 0, 50), 10, 69'999);
             }),
             has_text("v: made for 70000 tokens, the model knows 69999"));
  CHECK_THAT(
      message_of([&] {
        TrainingText(config_of({{"fr", 1.0, ""}}, {{"fr", write_shard(folder, "t", 0, 10)}}));
      }),
      has_text("fr: the training text is shorter than one context"));
  CHECK_THAT(message_of([&] {
               TrainingText(config_of({{"fr", 1.0, ""}}, {{"fr", "/nowhere/t"}}));
             }),
             has_text("/nowhere/t: cannot be read"));
}

}  // namespace crosslaw::trainer
