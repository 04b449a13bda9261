#include "sweep/plan/text_checks.h"

#include "tests/support/catch.h"
#include "tests/support/small_sweep.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {

TEST_CASE("what run would refuse of texts is refused before any is read") {
  const tests::SmallSweep sweep;
  CHECK(check_texts(read_spec(sweep.spec)).empty());
  const auto message = [&](const std::string& from, const std::string& to) {
    sweep.edit(from, to);
    return tests::message_of([&] { check_texts(read_spec(sweep.spec)); });
  };
  CHECK_THAT(message("context = 32", "context = 32\ntokenizer = \"train:100\""),
             has_text("data.tokenizer = \"train:100\": expected train:<vocabulary>"));
  CHECK_THAT(message("context = 32", "context = 32\ntokenizer = \"train:32000\""),
             has_text("ladder.vocabulary = 256: is smaller than the tokenizer's 32000"));
  CHECK_THAT(message("context = 32", "context = 32\ntokenizer = \"tokens:1000\""),
             has_text("ladder.vocabulary = 256: is smaller than the tokenizer's 1000"));
  CHECK_THAT(message("valid = [\"fr.valid.jsonl\"]", "valid = [\"./en.train.jsonl\"]"),
             has_text("data.language.fr.valid") && has_text("is training text of en, too"));
  CHECK_THAT(message("init = \"fan_in\"", "init = \"fan_in\"\nprecision = \"bf16\""),
             has_text("train.precision = \"bf16\": must be \"fp32\" or \"auto\""));
}

TEST_CASE("text that is not there yet is said, and no fault") {
  const tests::SmallSweep sweep;
  sweep.edit("train = [\"en.train.jsonl\"]", "train = [\"later/*.jsonl\"]");
  CHECK_THAT(check_texts(read_spec(sweep.spec)),
             has_text("data.language.en.train: no file matches") && has_text("later/*.jsonl"));
  sweep.edit("context = 32", "context = 32\ntokenizer = \"later.model\"");
  CHECK_THAT(check_texts(read_spec(sweep.spec)),
             has_text("data.tokenizer: there is no") && has_text("later.model"));
}

}  // namespace crosslaw::sweep
