#include "trainer/corpus/choice_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "db/files/atomic_file.h"
#include "trainer/corpus/text_reader.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;

// One question of a file, in words.
struct WordedQuestion {
  std::vector<std::string> contexts;  // one a choice
  std::vector<std::string> choices;
  int64_t answer = 0;
};

bool all_texts(const json& j) {
  return j.is_array() && std::all_of(j.begin(), j.end(), [](const json& each) {
           return each.is_string() && valid_utf8_prefix(each.get_ref<const std::string&>()) ==
                                          each.get_ref<const std::string&>().size();
         });
}

// What is wrong with a line; empty: nothing, and `question` is filled in.
std::string read_question(const std::string& line, WordedQuestion& question) {
  const json j = json::parse(line, nullptr, false);
  if (!j.is_object()) return "expected a JSON object";
  const json context = j.value("context", json()), choices = j.value("choices", json());
  if (!all_texts(choices) || choices.size() < 2)
    return "expected \"choices\", an array of at least two texts";
  question.choices = choices.get<std::vector<std::string>>();
  if (std::find(question.choices.begin(), question.choices.end(), "") != question.choices.end())
    return "a choice is empty";
  if (all_texts(context) && context.size() == choices.size()) {
    question.contexts = context.get<std::vector<std::string>>();
  } else if (context.is_string() && all_texts(json::array({context}))) {
    question.contexts.assign(question.choices.size(), context.get<std::string>());
  } else {
    return "expected \"context\", a text or one for each choice";
  }
  const json answer = j.value("answer", json());
  if (!answer.is_number_integer() || answer.get<int64_t>() < 0 ||
      answer.get<int64_t>() >= static_cast<int64_t>(choices.size()))
    return fmt::format("expected \"answer\", the number of a choice from 0 to {}",
                       choices.size() - 1);
  question.answer = answer.get<int64_t>();
  return "";
}

ChoiceText tokenized(std::string context, const std::string& delimiter, const std::string& choice,
                     const Tokenizer& tokenizer) {
  const size_t end = context.find_last_not_of(" \t\n") + 1;
  const std::string blanks = context.substr(end);
  context.resize(end);
  ChoiceText text;
  const std::vector<int32_t> before = tokenizer.encode(context);
  const std::vector<int32_t> whole =
      tokenizer.encode(context + (blanks.empty() ? delimiter : blanks) + choice);
  if (tokenizer.separator() >= 0) text.tokens.push_back(tokenizer.separator());
  text.tokens.insert(text.tokens.end(), whole.begin(), whole.end());
  // A tokenizer may join the context's end with the choice; one token is scored in any case.
  text.choice_tokens = std::max<int64_t>(
      1, static_cast<int64_t>(whole.size()) - static_cast<int64_t>(before.size()));
  text.choice_bytes = static_cast<int64_t>(choice.size());
  return text;
}

}  // namespace

std::vector<ChoiceQuestion> tokenized_choices(const ChoiceFile& set, const Tokenizer& tokenizer) {
  std::ifstream input(set.file);
  if (!input) throw std::runtime_error(fmt::format("{}: cannot be read", set.file.string()));
  std::vector<ChoiceQuestion> questions;
  int64_t number = 0;
  for (std::string line; std::getline(input, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    WordedQuestion worded;
    if (const std::string fault = read_question(line, worded); !fault.empty())
      throw std::invalid_argument(
          fmt::format("choices {}: {}, line {}: {}", set.name, set.file.string(), number, fault));
    ChoiceQuestion& question = questions.emplace_back();
    question.answer = worded.answer;
    for (size_t i = 0; i < worded.choices.size(); ++i)
      question.choices.push_back(
          tokenized(worded.contexts[i], set.delimiter, worded.choices[i], tokenizer));
  }
  if (questions.empty())
    throw std::invalid_argument(
        fmt::format("choices {}: {} holds no question", set.name, set.file.string()));
  return questions;
}

void write_choices(const std::vector<ChoiceQuestion>& questions,
                   const std::filesystem::path& file) {
  json all = json::array();
  for (const ChoiceQuestion& question : questions) {
    json choices = json::array();
    for (const ChoiceText& text : question.choices)
      choices.push_back({text.tokens, text.choice_tokens, text.choice_bytes});
    all.push_back({question.answer, choices});
  }
  db::publish_file(file, json{{"version", 1}, {"questions", all}}.dump() + "\n");
}

std::vector<ChoiceQuestion> read_choices(const std::filesystem::path& file) {
  std::ifstream input(file);
  try {
    if (!input) throw std::runtime_error("cannot be read");
    std::vector<ChoiceQuestion> questions;
    const json all = json::parse(input);
    for (const json& question : all.at("questions")) {
      questions.push_back({{}, question.at(0)});
      for (const json& text : question.at(1))
        questions.back().choices.push_back({text.at(0), text.at(1), text.at(2)});
    }
    return questions;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace crosslaw::trainer
