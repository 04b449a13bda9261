#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {

// Multiple-choice questions whose answers a model gives by how likely it finds each choice.
struct ChoiceFile {
  std::string name;
  std::string language;  // empty: of every run
  std::filesystem::path file;
  std::string delimiter = " ";  // between context and choice
};

// One choice behind its context, as a model reads it.
struct ChoiceText {
  std::vector<int32_t> tokens;  // a separator, the context, the choice
  int64_t choice_tokens = 0;    // of them, at the end: those that are scored
  int64_t choice_bytes = 0;     // of the choice in UTF-8, without the delimiter
};

struct ChoiceQuestion {
  std::vector<ChoiceText> choices;
  int64_t answer = 0;  // index of the right one
};

// Reads JSON lines {"context": text, "choices": [texts], "answer": index}; "context" may be an
// array of as many texts as there are choices, each with its own (as WinoGrande is scored). The
// choice's tokens are those of the whole behind those of the context, whose trailing blanks go to
// the choice, as lm-evaluation-harness cuts them. Throws std::invalid_argument naming file and
// line, std::runtime_error for a file that cannot be read.
std::vector<ChoiceQuestion> tokenized_choices(const ChoiceFile& set, const Tokenizer& tokenizer);

// A file of them, published whole. Throws std::runtime_error naming the file.
void write_choices(const std::vector<ChoiceQuestion>& questions, const std::filesystem::path& file);
std::vector<ChoiceQuestion> read_choices(const std::filesystem::path& file);

}  // namespace crosslaw::trainer
