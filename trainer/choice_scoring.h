#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/corpus/choice_set.h"
#include "trainer/model/llama.h"
#include "trainer/recipe/run_files.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// The sum of the log-likelihoods of each choice's tokens behind its context, in nats; of a text
// longer than the model's context the end is read. In the order of the questions and their choices.
std::vector<std::vector<double>> log_likelihoods(Llama& model, const ModelShape& shape,
                                                 int64_t context_tokens, int64_t most_sequences,
                                                 const std::vector<ChoiceQuestion>& questions,
                                                 at::Device device);

// How many questions are answered rightly by the likeliest choice, and by the likeliest per byte
// (acc and acc_norm of lm-evaluation-harness, which counts characters).
ChoiceLine choice_line(const std::string& name, int64_t step,
                       const std::vector<ChoiceQuestion>& questions,
                       const std::vector<std::vector<double>>& log_likelihoods);

// A line a question: its answer and each choice's log-likelihood, tokens and bytes.
void write_log_likelihoods(const std::vector<ChoiceQuestion>& questions,
                           const std::vector<std::vector<double>>& log_likelihoods,
                           const std::filesystem::path& file);

}  // namespace crosslaw::trainer
