#include "trainer/corpus/corpus.h"

#include <sentencepiece_trainer.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <unordered_map>

#include "db/files/content_hash.h"
#include "tests/support/address_sanitizer.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temp_folder.h"
#include "tests/trainer/corpus/corpus_fixture.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_shard.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {

using tests::message_of;
using Fixture = CorpusFixture;

TEST_CASE("all documents that cannot be used are listed in one go, or left out and counted") {
  Fixture f;
  std::string lines = sentences("the river", "runs", 100);
  f.folder.write("en.jsonl", "nonsense\n" + lines + "{\"body\":\"x\"}\n" + lines + "{\"text\":3}");
  std::string message = message_of([&] { f.prepare(); });
  CHECK_THAT(message, has_text("data.language.en.train: 3 of the documents cannot be used") &&
                          has_text("data.on_bad_document = \"skip\""));
  for (const char* line : {"line 1: ", "line 102: ", "line 203: "})
    CHECK_THAT(message, has_text(std::string("en.jsonl: ") + line));
  CHECK_THROWS_AS(f.prepare(), std::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "en.train.tokens"));
  f.options.text.skip_bad_documents = true;
  Corpus corpus = f.prepare();
  CHECK(corpus.language("en").train.documents == 200);
  CHECK(corpus.language("en").train.skipped == 3);
  CHECK_THAT(f.said.front(), has_text("3 documents were left out") && has_text("line 203: "));
  CHECK(f.prepare().language("en").train.skipped == 3);
  CHECK(f.said.empty());
  // Of very many, the first are shown.
  std::string many;
  for (int i = 0; i < 50; ++i) many += "nonsense\n";
  f.folder.write("en.jsonl", many + lines);
  f.options.text.skip_bad_documents = false;
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("50 of the documents") && has_text("line 20: ") && has_text("and 30 more") &&
                 !has_text("line 21: "));
}

TEST_CASE("text that is trained on cannot validate, whatever its file is called") {
  Fixture f;
  std::filesystem::copy_file(f.folder / "fr.jsonl", f.folder / "held_out.jsonl");
  f.options.languages[0].valid = {f.folder / "en.valid.jsonl", f.folder / "held_out.jsonl"};
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("data.language.en.valid: ") &&
                 has_text("held_out.jsonl holds the same bytes") &&
                 has_text("fr.jsonl of data.language.fr.train"));
  CHECK_THROWS_AS(f.prepare(), std::invalid_argument);
}

TEST_CASE("the shards do not depend on the number of threads") {
  Fixture f;
  // One document of several parts among many small ones, and a .txt of several parts.
  std::string large;
  for (int i = 0; i < 60'000; ++i) large += "mot " + std::to_string(i * 7919 % 10'007) + " ";
  f.folder.write("en.jsonl", sentences("the river", "runs", 200) + jsonl({large}) +
                                 sentences("a hill", "stands", 200));
  f.folder.write("fr.txt", large + "\n" + large);
  f.options.languages[1].train.push_back(f.folder / "fr.txt");
  f.options.tokenizer = "train:350";
  std::map<std::string, std::string> expected;
  for (unsigned threads : {1, 2, 7}) {
    std::filesystem::remove_all(f.options.folder);
    f.options.text.threads = threads;
    Corpus corpus = f.prepare();
    CHECK(corpus.language("en").train.lost_bytes == 0);
    CHECK(corpus.language("fr").train.documents == 301);
    if (expected.empty()) expected = shards_in(f.options.folder);
    CHECK(shards_in(f.options.folder) == expected);
  }
}

namespace {

// A model of SentencePiece's own defaults: text is normalised (NFKC), spaces are merged, newlines
// become spaces, unknown characters are <unk>.
class Lines : public sentencepiece::SentenceIterator {
 public:
  bool done() const override { return at_ == 400; }
  void Next() override { line_ = sentence(++at_); }
  const std::string& value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  static std::string sentence(int i) {
    return "the river runs " + std::to_string(i) + " to the sea, if x: return y";
  }
  int at_ = 0;
  std::string line_ = sentence(0);
};

std::string normalising_model() {
  Lines lines;
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train(
      std::unordered_map<std::string, std::string>{{"model_type", "unigram"},
                                                   {"vocab_size", "60"},
                                                   {"minloglevel", "2"},
                                                   {"hard_vocab_limit", "false"}},
      &lines, &model);
  REQUIRE(status.ok());
  return model;
}

}  // namespace

TEST_CASE(
    "bytes are those of the text, whatever a tokenizer makes of it, and what it loses is told") {
  Fixture f;
  f.options.tokenizer = f.folder.write("sp.model", normalising_model()).string();
  f.options.languages.resize(1);
  f.options.valid_tokens = 10;
  f.options.max_lost_share = 1;
  // 8 bytes of code, of which the newline and three spaces are lost; a character that is unknown.
  f.folder.write("en.jsonl", jsonl({"if x:\\n    y", "\xE4\xB8\xAD"}));
  f.folder.write("en.valid.jsonl",
                 jsonl({"the   river   runs   to   the   sea", "the sea the sea"}));
  Corpus corpus = f.prepare();
  const ShardRecord& train = corpus.language("en").train;
  CHECK(train.text_bytes == 11 + 3);
  CHECK(train.unknown_tokens == 1);
  CHECK(train.lost_bytes == 4 + 3);
  CHECK(TokenShard(train.file).info().text_bytes == 14);
  CHECK_THAT(f.said.front(), has_text("50 % of the bytes lost by the tokenizer"));
  // The cut document's bytes are those of its first tokens, multiple spaces included.
  const ShardRecord& valid = corpus.language("en").valid;
  Tokenizer tokenizer = Tokenizer::load(f.options.tokenizer);
  std::string text = "the   river   runs   to   the   sea";
  int64_t tokens = static_cast<int64_t>(tokenizer.encode(text).size());
  REQUIRE(tokens >= 6);
  CHECK(valid.tokens == 11);
  CHECK(valid.text_bytes == tokenizer.bytes_of_first_tokens(text, std::min<int64_t>(tokens, 10)) +
                                tokenizer.bytes_of_first_tokens("the sea the sea", 9 - tokens));
  f.options.max_lost_share = 0.4;
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("data.tokenizer = ") &&
                 has_text("50.0 % of the bytes of data.language.en.train") &&
                 has_text("data.max_lost_share = 0.4"));
  CHECK_THROWS_AS(f.prepare(), std::invalid_argument);
}

TEST_CASE("a text of one line trains a tokenizer, however long the line") {
  Fixture f;
  std::string line;
  for (int i = 0; i < 60'000; ++i) {
    for (int rest = 500 + i * 7919 % 10'007; rest > 0; rest /= 26)
      line += static_cast<char>('a' + rest % 26);
    line += ' ';
  }
  REQUIRE(line.size() > 3 * kLongestSentenceBytes);
  f.folder.write("one.txt", line);
  f.options.languages = {{"fr", {f.folder / "one.txt"}, {f.folder / "fr.valid.jsonl"}}};
  f.options.tokenizer = "train:500";
  CHECK(f.prepare().vocabulary == 500);
}

#if !defined(__SANITIZE_ADDRESS__)  // its memory and its time are its own
TEST_CASE("a text of many megabytes takes little memory") {
  Fixture f;
  {
    std::ofstream out(f.folder / "large.txt");
    std::string line = "a line of text that is neither long nor short, as lines are\n";
    for (int i = 0; i < 1'600'000; ++i) out << line;
  }
  REQUIRE(std::filesystem::file_size(f.folder / "large.txt") > 90'000'000);
  f.options.languages = {{"en", {f.folder / "large.txt"}, {f.folder / "en.valid.jsonl"}}};
  // In a child, whose peak is its own.
  pid_t child = fork();
  if (child == 0) {
    f.prepare();
    _exit(0);
  }
  struct rusage usage {};
  int status = 0;
  REQUIRE(wait4(child, &status, 0, &usage) == child);
  CHECK(status == 0);
  CHECK(usage.ru_maxrss < 150'000);  // KiB; 900,000 were taken when a document was read whole
}
#endif

TEST_CASE("a full disk is named, leaves no half shard, and the next preparation goes on") {
  Fixture f;
  std::string message;
  {
    tests::FullDisk disk(2000);
    message = message_of([&] { f.prepare(); });
  }
  CHECK_THAT(message, has_text("en.train.tokens.tmp: writing failed: File too large"));
  CHECK(std::filesystem::is_empty(f.options.folder));
  CHECK(f.prepare().languages.size() == 2);
}

}  // namespace crosslaw::trainer
