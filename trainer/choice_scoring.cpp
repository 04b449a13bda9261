#include "trainer/choice_scoring.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "db/files/atomic_file.h"

namespace crosslaw::trainer {
namespace {

// Logits of so many numbers are held at a time, beside a model that has ended training.
constexpr int64_t kMostLogits = int64_t{1} << 26;

// Index of the largest; of equals the first, as argmax takes it.
size_t best_of(const std::vector<double>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

// A text and where the log-likelihood of its choice goes.
using ScoredText = std::pair<const ChoiceText*, double*>;

// Tokens of a text that are read: all but the last, and of a long one the end.
int64_t read_count(const ChoiceText& text, int64_t context_tokens) {
  return std::min(static_cast<int64_t>(text.tokens.size()) - 1, context_tokens);
}

// (texts, context) int64. What stands behind a text is read after it and changes nothing before.
at::Tensor read_tokens(const std::vector<ScoredText>& texts, int64_t context_tokens,
                       int64_t vocabulary) {
  at::Tensor inputs = at::zeros({static_cast<int64_t>(texts.size()), context_tokens}, at::kLong);
  int64_t* row = inputs.data_ptr<int64_t>();
  for (const auto& [text, sum] : texts) {
    const int64_t count = read_count(*text, context_tokens);
    for (int64_t t = 0; t < count; ++t) {
      row[t] = text->tokens[text->tokens.size() - 1 - static_cast<size_t>(count - t)];
      if (row[t] < 0 || row[t] >= vocabulary)
        throw std::runtime_error(
            fmt::format("a choice has the token {}, the model knows {}", row[t], vocabulary));
    }
    row += context_tokens;
  }
  return inputs;
}

// Of the choice's tokens, by the logits (context, vocabulary) behind each token that was read.
double log_likelihood(const at::Tensor& logits, const ChoiceText& text, int64_t context_tokens) {
  const int64_t read = read_count(text, context_tokens);
  const int64_t scored = std::min(text.choice_tokens, read);
  std::vector<int64_t> targets(text.tokens.end() - scored, text.tokens.end());
  const at::Tensor wanted = at::tensor(targets, at::kLong).view({scored, 1}).to(logits.device());
  const at::Tensor rows = logits.narrow(0, read - scored, scored).to(at::kDouble);
  return at::log_softmax(rows, 1).gather(1, wanted).sum().item<double>();
}

}  // namespace

std::vector<std::vector<double>> log_likelihoods(Llama& model, const ModelShape& shape,
                                                 int64_t context_tokens, int64_t most_sequences,
                                                 const std::vector<ChoiceQuestion>& questions,
                                                 at::Device device) {
  std::vector<std::vector<double>> all(questions.size());
  std::vector<ScoredText> texts;
  for (size_t q = 0; q < questions.size(); ++q) {
    all[q].resize(questions[q].choices.size());
    for (size_t c = 0; c < all[q].size(); ++c)
      texts.emplace_back(&questions[q].choices[c], &all[q][c]);
  }
  const int64_t at_once =
      std::clamp<int64_t>(kMostLogits / (context_tokens * shape.vocabulary), 1, most_sequences);
  for (size_t from = 0; from < texts.size(); from += static_cast<size_t>(at_once)) {
    const size_t count = std::min(static_cast<size_t>(at_once), texts.size() - from);
    // What stands behind a text is read after it and changes nothing before.
    const at::Tensor inputs = read_tokens(
        {texts.begin() + static_cast<long>(from), texts.begin() + static_cast<long>(from + count)},
        context_tokens, shape.vocabulary);
    const at::Tensor logits =
        model.logits(inputs.to(device)).view({static_cast<int64_t>(count), context_tokens, -1});
    for (size_t i = 0; i < count; ++i)
      *texts[from + i].second =
          log_likelihood(logits[static_cast<int64_t>(i)], *texts[from + i].first, context_tokens);
  }
  return all;
}

ChoiceLine choice_line(const std::string& name, int64_t step,
                       const std::vector<ChoiceQuestion>& questions,
                       const std::vector<std::vector<double>>& likelihoods) {
  ChoiceLine line;
  line.step = step, line.name = name;
  line.questions = static_cast<int64_t>(questions.size());
  double nats = 0;
  for (size_t q = 0; q < questions.size(); ++q) {
    const auto answer = static_cast<size_t>(questions[q].answer);
    std::vector<double> per_byte = likelihoods[q];
    for (size_t c = 0; c < per_byte.size(); ++c)
      per_byte[c] /= static_cast<double>(questions[q].choices[c].choice_bytes);
    line.correct += best_of(likelihoods[q]) == answer;
    line.correct_by_byte += best_of(per_byte) == answer;
    nats -= per_byte[answer];
  }
  line.answer_nats_per_byte = nats / static_cast<double>(questions.size());
  return line;
}

void write_log_likelihoods(const std::vector<ChoiceQuestion>& questions,
                           const std::vector<std::vector<double>>& likelihoods,
                           const std::filesystem::path& file) {
  std::string text;
  for (size_t q = 0; q < questions.size(); ++q) {
    nlohmann::json choices = nlohmann::json::array();
    for (size_t c = 0; c < likelihoods[q].size(); ++c) {
      const ChoiceText& choice = questions[q].choices[c];
      choices.push_back({{"log_likelihood", likelihoods[q][c]},
                         {"tokens", choice.choice_tokens},
                         {"bytes", choice.choice_bytes}});
    }
    text += nlohmann::json{{"answer", questions[q].answer}, {"choices", choices}}.dump() + "\n";
  }
  db::publish_file(file, text);
}

}  // namespace crosslaw::trainer
