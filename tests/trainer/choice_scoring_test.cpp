#include "trainer/choice_scoring.h"

#include <ATen/ATen.h>

#include "tests/support/training_workshop.h"

namespace crosslaw::trainer {
namespace {

constexpr int64_t kContext = 16;
constexpr ModelShape kModel{256, 12, 24, 2, 2, true};

Llama drawn_model() {
  Llama model(kModel, kContext, 4, at::kFloat, at::kCPU);
  model.parameters.initialize(5, 0.3);
  return model;
}

ChoiceText text_of(const std::string& words, int64_t choice) {
  ChoiceText text{{0}, choice, choice};
  text.tokens.insert(text.tokens.end(), words.begin(), words.end());
  return text;
}

// Of the last `count` tokens, one position at a time from the logits of the whole window.
double plain(Llama& model, std::vector<int32_t> tokens, int64_t count) {
  if (static_cast<int64_t>(tokens.size()) > kContext + 1)
    tokens.erase(tokens.begin(), tokens.end() - kContext - 1);
  at::Tensor inputs = at::zeros({1, kContext}, at::kLong);
  for (size_t i = 0; i + 1 < tokens.size(); ++i) inputs[0][static_cast<int64_t>(i)] = tokens[i];
  const at::Tensor logits = model.logits(inputs).to(at::kDouble);
  double sum = 0;
  for (size_t at = tokens.size() - static_cast<size_t>(count); at < tokens.size(); ++at) {
    const at::Tensor row = logits[static_cast<int64_t>(at) - 1];
    sum += (row[tokens[at]] - at::logsumexp(row, {0})).item<double>();
  }
  return sum;
}

}  // namespace

TEST_CASE("a choice's log-likelihood is that of its tokens, whatever is scored beside it") {
  Llama model = drawn_model();
  const std::vector<ChoiceQuestion> questions = {
      {{text_of("the sky is blue", 5), text_of("the sky is a dog", 6)}, 0},
      {{text_of("x", 1), text_of("abcdefghijklmno", 14), text_of("ab", 1)}, 2},
      {{text_of("a text that is longer than the window", 4), text_of("yz", 2)}, 1}};
  const auto scores = log_likelihoods(model, kModel, kContext, 4, questions, at::kCPU);
  for (size_t q = 0; q < questions.size(); ++q) {
    for (size_t c = 0; c < questions[q].choices.size(); ++c) {
      const ChoiceText& text = questions[q].choices[c];
      CHECK(scores[q][c] == Approx(plain(model, text.tokens, text.choice_tokens)).epsilon(1e-5));
    }
  }
  // A choice of a whole window is a training sequence, whose loss has another implementation.
  at::Tensor window = at::empty({1, kContext + 1}, at::kLong);
  const ChoiceText whole = text_of("sixteen letters!", 16);
  for (size_t i = 0; i < whole.tokens.size(); ++i)
    window[0][static_cast<int64_t>(i)] = whole.tokens[i];
  CHECK(log_likelihoods(model, kModel, kContext, 1, {{{whole, whole}, 0}}, at::kCPU)[0][0] ==
        Approx(-model.loss_sum(window).item<double>()).epsilon(1e-5));
}

TEST_CASE("answers are counted by the likeliest choice, and by the likeliest per byte") {
  const std::vector<ChoiceQuestion> questions = {{{text_of("ab", 1), text_of("abcd", 3)}, 1},
                                                 {{text_of("ab", 1), text_of("abcd", 3)}, 0}};
  // -2 against -3: the short one wins, but per byte -2 against -1 the long one does.
  const ChoiceLine line = choice_line("q", 7, questions, {{-2, -3}, {-2, -3}});
  CHECK(line.questions == 2);
  CHECK(line.correct == 1);
  CHECK(line.correct_by_byte == 1);
  CHECK(line.answer_nats_per_byte == Approx((1.0 + 2.0) / 2));
  CHECK(choice_line("q", 7, {questions[0]}, {{-2, -3}}).correct == 0);
  CHECK(choice_line("q", 7, {questions[0]}, {{-2, -3}}).correct_by_byte == 1);
}

TEST_CASE("a run answers its questions at the end, and says so once") {
  tests::TrainingWorkshop w;
  TrainConfig config = w.config("fr", 6);
  const std::filesystem::path file = w.files.folder / "q.choices";
  write_choices({{{text_of("efgh ij", 2), text_of("efgh kl", 2)}, 0}}, file);
  config.execution.choice_files["q"] = file.string();
  std::vector<ChoiceLine> lines;
  TrainHooks hooks;
  hooks.on_choices = [&](const ChoiceLine& line) { lines.push_back(line); };
  std::filesystem::create_directories(w.files.folder / "a");
  CHECK(train(config, w.files.folder / "a", hooks).outcome == Outcome::kDone);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].step == 6);
  CHECK(lines[0].questions == 1);
  CHECK_THAT(tests::read_file(w.files.folder / "a" / "choices-q.jsonl"),
             has_text("\"log_likelihood\":-"));
}

}  // namespace crosslaw::trainer
