#include "trainer/corpus/choice_set.h"

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

std::vector<ChoiceQuestion> questions_of(const std::string& lines, const std::string& delimiter) {
  tests::TempFolder folder;
  return tokenized_choices({"q", "", folder.write("q.jsonl", lines), delimiter},
                           Tokenizer::bytes());
}

std::string words(const ChoiceText& text) { return {text.tokens.begin() + 1, text.tokens.end()}; }

std::string fault_of(const std::string& lines) {
  return tests::message_of([&] { questions_of(lines, " "); });
}

}  // namespace

TEST_CASE("a choice is read behind its context and the delimiter, and counted without them") {
  const auto questions = questions_of(
      "{\"context\": \"Le ciel est\", \"choices\": [\"bleu\", \"été\"], \"answer\": 1}\n\n", " ");
  REQUIRE(questions.size() == 1);
  CHECK(questions[0].answer == 1);
  const ChoiceText& first = questions[0].choices[0];
  CHECK(first.tokens[0] == Tokenizer::bytes().separator());
  CHECK(words(first) == "Le ciel est bleu");
  CHECK(first.choice_tokens == 5);  // the blank is predicted, too
  CHECK(first.choice_bytes == 4);
  CHECK(questions[0].choices[1].choice_bytes == 5);
  // Chinese needs no blank.
  const auto chinese =
      questions_of("{\"context\": \"天\", \"choices\": [\"空\", \"地\"], \"answer\": 0}", "");
  CHECK(words(chinese[0].choices[0]) == "天空");
  CHECK(chinese[0].choices[0].choice_tokens == 3);
}

TEST_CASE("blanks at a context's end go to the choice, and stand for the delimiter") {
  const auto questions =
      questions_of("{\"context\": \"a\\n\", \"choices\": [\"b\", \"c\"], \"answer\": 0}", " ");
  CHECK(words(questions[0].choices[0]) == "a\nb");
  CHECK(questions[0].choices[0].choice_tokens == 2);
}

TEST_CASE("each choice may have a context of its own") {
  const auto questions = questions_of(
      "{\"context\": [\"Ann saw\", \"Bob saw\"], \"choices\": [\"him\", \"him\"], \"answer\": 1}",
      " ");
  CHECK(words(questions[0].choices[0]) == "Ann saw him");
  CHECK(words(questions[0].choices[1]) == "Bob saw him");
}

TEST_CASE("a bad question is named with file and line") {
  const std::string good = "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 0}\n";
  CHECK_THAT(fault_of(good + "{"), has_text("q.jsonl, line 2: expected a JSON object"));
  CHECK_THAT(fault_of("{\"context\": \"a\", \"choices\": [\"b\"], \"answer\": 0}"),
             has_text("line 1: expected \"choices\", an array of at least two texts"));
  CHECK_THAT(fault_of("{\"context\": \"a\", \"choices\": [\"b\", \"\"], \"answer\": 0}"),
             has_text("a choice is empty"));
  CHECK_THAT(fault_of("{\"context\": 3, \"choices\": [\"b\", \"c\"], \"answer\": 0}"),
             has_text("expected \"context\""));
  CHECK_THAT(fault_of("{\"context\": [\"a\"], \"choices\": [\"b\", \"c\"], \"answer\": 0}"),
             has_text("a text or one for each choice"));
  for (const char* answer : {"2", "-1", "0.5", "\"b\"", "null"})
    CHECK_THAT(
        fault_of(std::string("{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": ") +
                 answer + "}"),
        has_text("expected \"answer\", the number of a choice from 0 to 1"));
  CHECK_THAT(fault_of("\n"), has_text("holds no question"));
}

TEST_CASE("tokens of questions come back from their file, and a damaged one is named") {
  tests::TempFolder folder;
  const auto questions =
      questions_of("{\"context\": \"a\", \"choices\": [\"b\", \"cd\"], \"answer\": 1}", " ");
  write_choices(questions, folder / "t");
  const auto read = read_choices(folder / "t");
  REQUIRE(read.size() == 1);
  CHECK(read[0].answer == 1);
  CHECK(read[0].choices[1].tokens == questions[0].choices[1].tokens);
  CHECK(read[0].choices[1].choice_tokens == 3);
  CHECK(read[0].choices[1].choice_bytes == 2);
  folder.write("t", "{}");
  CHECK_THAT(tests::message_of([&] { read_choices(folder / "t"); }), has_text("/t: "));
}

}  // namespace crosslaw::trainer
