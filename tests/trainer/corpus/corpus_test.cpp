#include "trainer/corpus/corpus.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "db/files/content_hash.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "tests/trainer/corpus/corpus_fixture.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_shard.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {

using tests::message_of;
using Fixture = CorpusFixture;

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

TEST_CASE("a flipped bit in the manifest costs work and never changes the corpus") {
  Fixture f;
  const Corpus first = f.prepare();
  const std::string whole = tests::read_file(f.options.folder / "manifest.json");
  int64_t said = 0;
  for (size_t bit = 3; bit < 8 * whole.size(); bit += 1 + whole.size() / 5) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    f.folder.write("data/manifest.json", flipped);
    f.said.clear();
    const Corpus again = f.prepare();
    INFO(bit);
    for (const char* language : {"en", "fr"}) {
      REQUIRE(again.language(language).train.sha256 == first.language(language).train.sha256);
      REQUIRE(again.language(language).valid.tokens == first.language(language).valid.tokens);
    }
    said += !f.said.empty() && f.said.front().find("manifest.json: damaged") != std::string::npos;
  }
  CHECK(said > 30);
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

}  // namespace crosslaw::trainer
