#include "trainer/corpus/corpus.h"

#include <sentencepiece_trainer.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <unordered_map>

#include "db/files/content_hash.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temp_folder.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_shard.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

std::string jsonl(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) lines += "{\"text\":\"" + text + "\"}\n";
  return lines;
}

// Two languages with different words, enough of them for a small vocabulary.
std::string sentences(const std::string& a, const std::string& b, int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i)
    texts.push_back(a + " " + std::to_string(i * 37 % 101) + " " + b + " " + a.substr(0, 3) +
                    b.substr(0, 2));
  return jsonl(texts);
}

struct Fixture {
  TempFolder folder;
  CorpusOptions options;
  std::vector<std::string> said;

  Fixture() {
    folder.write("en.jsonl", sentences("the river", "runs to the sea", 300));
    folder.write("fr.jsonl", sentences("la rivière", "court à la mer", 300));
    folder.write("en.valid.jsonl", sentences("the brook", "runs to the lake", 300));
    folder.write("fr.valid.jsonl", sentences("le ruisseau", "va au lac", 300));
    options.folder = folder / "data";
    options.tokenizer = "bytes";
    options.valid_tokens = 64;
    options.languages = {{"en", {folder / "en.jsonl"}, {folder / "en.valid.jsonl"}},
                         {"fr", {folder / "fr.jsonl"}, {folder / "fr.valid.jsonl"}}};
  }
  Corpus prepare() {
    said.clear();
    return prepare_corpus(options, [&](const std::string& message) { said.push_back(message); });
  }
};

}  // namespace

TEST_CASE("bytes become tokens with a separator before each document") {
  Fixture f;
  f.folder.write("en.jsonl", jsonl({"ab", "c"}));
  f.folder.write("en.valid.jsonl", jsonl({"abcd"}));
  f.options.languages.resize(1);
  f.options.valid_tokens = 4;
  Corpus corpus = f.prepare();
  CHECK(corpus.vocabulary == 256);
  const ShardRecord& train = corpus.language("en").train;
  CHECK(train.tokens == 5);
  CHECK(train.documents == 2);
  std::vector<int64_t> tokens(5);
  TokenShard(train.file).copy(0, 5, tokens.data());
  CHECK(tokens == std::vector<int64_t>{0, 'a', 'b', 0, 'c'});
  CHECK(train.text_bytes == 3);
  CHECK(corpus.language("en").valid.tokens == 5);
}

TEST_CASE("a corpus is made once") {
  Fixture f;
  Corpus first = f.prepare();
  CHECK(f.said.size() == 4);
  Corpus second = f.prepare();
  CHECK(f.said.empty());
  CHECK(second.language("fr").train.sha256 == first.language("fr").train.sha256);
}

TEST_CASE("touching a source changes nothing, changing it remakes its language only") {
  Fixture f;
  Corpus first = f.prepare();
  auto later = std::filesystem::last_write_time(f.folder / "fr.jsonl") + std::chrono::seconds(5);
  std::filesystem::last_write_time(f.folder / "fr.jsonl", later);
  f.prepare();
  CHECK(f.said.empty());
  f.folder.write("fr.jsonl", sentences("le fleuve", "coule", 300));
  Corpus second = f.prepare();
  CHECK(f.said.size() == 1);
  CHECK(second.language("en").train.sha256 == first.language("en").train.sha256);
  CHECK(second.language("fr").train.sha256 != first.language("fr").train.sha256);
}

TEST_CASE("missing and damaged shards are named and made again, the same as before") {
  Fixture f;
  Corpus first = f.prepare();
  std::filesystem::remove(first.language("en").train.file);
  std::string bytes = tests::read_file(first.language("fr").valid.file);
  bytes.back() ^= 1;
  f.folder.write("data/fr.valid.tokens", bytes);
  Corpus second = f.prepare();
  CHECK_THAT(f.said.front(), has_text("en.train.tokens: missing or damaged"));
  CHECK_THAT(f.said[2], has_text("fr.valid.tokens: missing or damaged"));
  CHECK(second.language("en").train.sha256 == first.language("en").train.sha256);
  CHECK(second.language("fr").valid.sha256 == first.language("fr").valid.sha256);
}

TEST_CASE("a damaged manifest is said and remade, a newer one refused") {
  Fixture f;
  f.prepare();
  f.folder.write("data/manifest.json", "{\"version\": 1, ");
  f.prepare();
  CHECK_THAT(f.said.front(), has_text("manifest.json: damaged"));
  f.folder.write("data/manifest.json", "{\"version\": 99}");
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("version 99 was written by a newer crosslaw"));
}

TEST_CASE("a validation text that is too small is an error with both numbers") {
  Fixture f;
  f.options.valid_tokens = 1'000'000;
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("data.language.en.valid") && has_text("1000000"));
}

TEST_CASE("a trained tokenizer covers both languages, falls back to bytes and is reused") {
  Fixture f;
  f.options.tokenizer = "train:320";
  Corpus corpus = f.prepare();
  CHECK(corpus.vocabulary == 320);
  Tokenizer tokenizer = Tokenizer::load(f.options.folder / "tokenizer.model");
  CHECK(tokenizer.sha256() == corpus.tokenizer_sha256);
  std::string text = "la rivière 中";
  CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  CHECK(tokenizer.encode("the river runs").size() < 14);
  f.prepare();
  CHECK(f.said.empty());
}

TEST_CASE("a tokenizer that cannot be trained or loaded is named") {
  Fixture f;
  f.options.tokenizer = "train:12";
  CHECK_THAT(message_of([&] { f.prepare(); }), has_text("train:<vocabulary>"));
  f.options.tokenizer = "train:50000";
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("data.tokenizer = \"train:50000\": the training text has words for"));
  f.options.tokenizer = f.folder.write("no.model", "nonsense").string();
  CHECK_THAT(message_of([&] { f.prepare(); }), has_text("no.model: not a SentencePiece model"));
}

namespace {

std::vector<int64_t> tokens_of(const ShardRecord& record) {
  TokenShard shard(record.file);
  std::vector<int64_t> tokens(static_cast<size_t>(shard.info().tokens));
  shard.copy(0, shard.info().tokens, tokens.data());
  return tokens;
}

// The names and hashes of every file in a folder but the manifest, which holds paths and times.
std::map<std::string, std::string> shards_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename().string()] = db::sha256_of_file(entry.path());
  files.erase("manifest.json");
  return files;
}

}  // namespace

TEST_CASE("what cannot become a corpus is refused before a file is written") {
  Fixture f;
  struct Bad {
    std::function<void(CorpusOptions&)> change;
    std::string message;
  };
  const std::vector<Bad> all = {
      {[](CorpusOptions& o) { o.languages.clear(); }, "data.language: at least one"},
      {[](CorpusOptions& o) { o.valid_tokens = 0; }, "data.valid_tokens = 0: must be at least 1"},
      {[](CorpusOptions& o) { o.languages[1].train.clear(); }, "data.language.fr.train: no file"},
      {[](CorpusOptions& o) { o.languages[0].valid.clear(); }, "data.language.en.valid: no file"},
      {[](CorpusOptions& o) { o.tokenizer = "train:"; }, "data.tokenizer = \"train:\""},
      {[](CorpusOptions& o) { o.tokenizer = "train:299"; }, "at least 300 tokens"},
      {[](CorpusOptions& o) { o.tokenizer = "train:4e3"; }, "expected train:<vocabulary>"},
      {[](CorpusOptions& o) { o.tokenizer = "train:-400"; }, "expected train:<vocabulary>"},
      {[](CorpusOptions& o) { o.tokenizer = "train:1000000000"; }, "expected train:<vocabulary>"},
  };
  for (const Bad& bad : all) {
    Fixture fresh;
    bad.change(fresh.options);
    CHECK_THAT(message_of([&] { fresh.prepare(); }), has_text(bad.message));
    CHECK_THROWS_AS(fresh.prepare(), std::invalid_argument);
    CHECK_FALSE(std::filesystem::exists(fresh.options.folder));
  }
}

TEST_CASE("files without text are an error that names the language and leaves no shard") {
  Fixture f;
  f.folder.write("fr.jsonl", "\n\n");
  CHECK_THAT(message_of([&] { f.prepare(); }),
             has_text("data.language.fr.train: the files hold no text"));
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "fr.train.tokens"));
  CHECK_FALSE(std::filesystem::exists(f.options.folder / "fr.train.tokens.tmp"));
}

TEST_CASE("the numbers of a shard are those of its text, counted apart from the tokenizer") {
  Fixture f;
  std::vector<std::string> texts = {"un", "", "déjà vu", "中", "x"};
  f.folder.write("a.jsonl", jsonl({texts[0], texts[1]}));
  f.folder.write("b.jsonl", jsonl({texts[2]}));
  f.folder.write("c.txt", texts[3]);
  f.folder.write("d.jsonl", jsonl({texts[4]}));
  f.options.languages = {
      {"fr",
       {f.folder / "a.jsonl", f.folder / "b.jsonl", f.folder / "c.txt", f.folder / "d.jsonl"},
       {f.folder / "fr.valid.jsonl"}}};
  Corpus corpus = f.prepare();
  const ShardRecord& train = corpus.language("fr").train;
  std::vector<int64_t> expected;
  int64_t bytes = 0;
  for (const std::string& text : texts) {
    expected.push_back(0);
    for (unsigned char c : text) expected.push_back(c);
    bytes += static_cast<int64_t>(text.size());
  }
  CHECK(tokens_of(train) == expected);
  CHECK(train.tokens == static_cast<int64_t>(expected.size()));
  CHECK(train.documents == 5);
  CHECK(train.text_bytes == bytes);
  CHECK(train.sha256 == db::sha256_of_file(train.file));
  CHECK(TokenShard(train.file).info().text_bytes == bytes);
  CHECK_THAT(message_of([&] { corpus.language("de"); }), has_text("the corpus has no language de"));
}

TEST_CASE("a validation set is the first tokens of its text, one more than are predicted") {
  Fixture f;
  f.options.valid_tokens = 1000;
  Corpus corpus = f.prepare();
  for (const LanguageShards& language : tests::some(corpus.languages)) {
    std::vector<int64_t> valid = tokens_of(language.valid), whole;
    read_raw_texts(f.folder / (language.language + ".valid.jsonl"), "text",
                   [&](RawText&& raw, int64_t) {
                     whole.push_back(0);
                     for (unsigned char c : parse_text(raw, "text").text) whole.push_back(c);
                     return true;
                   });
    REQUIRE(valid.size() == 1001);
    CHECK(std::equal(valid.begin(), valid.end(), whole.begin()));
    // All bytes but the first token's, and none for separators.
    CHECK(language.valid.text_bytes ==
          std::count_if(valid.begin() + 1, valid.end(), [](int64_t t) { return t != 0; }));
    CHECK(language.valid.documents == std::count(valid.begin(), valid.end(), 0));
  }
}

TEST_CASE("a language may come and go, and its shards are found again or made again the same") {
  Fixture f;
  Corpus both = f.prepare();
  auto languages = f.options.languages;
  f.options.languages.resize(1);
  Corpus one = f.prepare();
  CHECK(f.said.empty());
  CHECK(one.languages.size() == 1);
  f.options.languages = languages;
  Corpus again = f.prepare();
  CHECK(again.language("fr").train.sha256 == both.language("fr").train.sha256);
  CHECK(shards_in(f.options.folder).size() == 4);
}

TEST_CASE("another tokenizer, another order of files or another length remakes what it concerns") {
  Fixture f;
  f.options.languages[0].train = {f.folder / "en.jsonl", f.folder / "fr.jsonl"};
  Corpus first = f.prepare();
  std::swap(f.options.languages[0].train[0], f.options.languages[0].train[1]);
  Corpus swapped = f.prepare();
  CHECK(f.said.size() == 1);
  CHECK(swapped.language("en").train.sha256 != first.language("en").train.sha256);
  CHECK(swapped.language("en").train.tokens == first.language("en").train.tokens);
  f.options.valid_tokens = 96;
  f.prepare();
  CHECK(f.said.size() == 2);  // both validation sets
  f.options.tokenizer = "train:320";
  f.prepare();
  CHECK(f.said.size() == 5);  // the tokenizer and all four shards
}

TEST_CASE("a tokenizer file that changed, or is damaged, is seen by its hash") {
  Fixture f;
  f.options.tokenizer = "train:320";
  Corpus first = f.prepare();
  std::string model = tests::read_file(f.options.folder / "tokenizer.model");
  f.folder.write("data/tokenizer.model", model.substr(0, model.size() / 2));
  Corpus second = f.prepare();
  CHECK_THAT(f.said.front(), has_text("training a tokenizer"));
  CHECK(f.said.size() == 1);  // the same model again, so the shards hold
  CHECK(second.tokenizer_sha256 == first.tokenizer_sha256);
}

TEST_CASE("a manifest cut at any byte costs work and never changes the corpus") {
  Fixture f;
  Corpus first = f.prepare();
  auto files = shards_in(f.options.folder);
  std::string whole = tests::read_file(f.options.folder / "manifest.json");
  for (size_t length = 0; length + 2 < whole.size(); length += 1 + whole.size() / 60) {
    f.folder.write("data/manifest.json", whole.substr(0, length));
    Corpus again = f.prepare();
    REQUIRE(again.language("fr").valid.sha256 == first.language("fr").valid.sha256);
    REQUIRE(shards_in(f.options.folder) == files);
  }
}

TEST_CASE("a manifest whose values are of another kind counts as damaged") {
  Fixture f;
  Corpus first = f.prepare();
  for (const char* text :
       {"[]", "3", "null", R"({"version":"1"})", R"({"version":2,"languages":3})",
        R"({"version":2,"languages":{"en":[]}})", R"({"version":1,"sources":[1]})",
        R"({"version":2,"languages":{"en":{"train":{"sources":[3],"size":"x"}}}})",
        R"({"version":2,"tokenizer":7})"}) {
    INFO(text);
    f.folder.write("data/manifest.json", text);
    Corpus again;
    CHECK(message_of([&] { again = f.prepare(); }) == "(nothing was thrown)");
    REQUIRE(again.languages.size() == 2);
    CHECK(again.language("en").train.sha256 == first.language("en").train.sha256);
  }
}

TEST_CASE("killed at any moment, the next preparation gives the corpus of an undisturbed one") {
  Fixture undisturbed, f;
  undisturbed.options.tokenizer = f.options.tokenizer = "train:320";
  undisturbed.prepare();
  auto expected = shards_in(undisturbed.options.folder);
  for (useconds_t delay = 0; delay < 60'000; delay += 4000) {
    std::filesystem::remove_all(f.options.folder);
    pid_t child = fork();
    if (child == 0) {
      f.prepare();
      _exit(0);
    }
    usleep(delay);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    f.prepare();
    REQUIRE(shards_in(f.options.folder) == expected);
    f.prepare();
    REQUIRE(f.said.empty());
  }
}

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
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(usage.ru_maxrss < 150'000);  // KiB; 900,000 were taken when a document was read whole
#endif
}

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
