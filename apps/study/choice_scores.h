#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/choice_accuracy.h"
#include "apps/study/observations.h"

// Zero-shot scores on multiple-choice sets (arXiv:2407.02118, Fig. 3 and 6).
namespace crosslaw::apps {

// The models of one strategy, share of replay, size and number of tokens on one set; seeds pooled.
struct ChoiceScore {
  std::string set, strategy, language, size;
  std::optional<std::string> source_language;
  std::string kind;  // source, scratch or continued
  double replay = 0, params = 0, tokens = 0;
  std::optional<double> loss;  // nats per token on the run's own language, at its end
  std::int64_t questions = 0, correct = 0, correct_by_byte = 0;
  Accuracy plain, by_byte;  // by the likeliest choice, and by the likeliest per byte
  bool largest = false;     // of its strategy and share: the largest size, the most tokens
  // Accuracy by byte over that of the best share of replay of the same strategy, size and tokens.
  std::optional<double> relative;  // absent: one share alone
};

// By set, strategy, replay, size and tokens. Empty where no set was given.
std::vector<ChoiceScore> choice_scores(const db::RunStore& store, const Observations& observations);

// "On xnli-fr the largest continued-fr scores 41.2 % [38, 44], scratch-fr 39 % [36, 42]." Empty
// without scores.
std::string describe(const std::vector<ChoiceScore>& scores);

}  // namespace crosslaw::apps
