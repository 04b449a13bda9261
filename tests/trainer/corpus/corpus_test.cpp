#include "trainer/corpus/corpus.h"

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
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
    options.folder = folder / "data";
    options.tokenizer = "bytes";
    options.valid_tokens = 64;
    options.languages = {{"en", {folder / "en.jsonl"}, {folder / "en.jsonl"}},
                         {"fr", {folder / "fr.jsonl"}, {folder / "fr.jsonl"}}};
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
  CHECK(f.said.size() == 2);
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
  CHECK_THAT(f.said.front(), Catch::Contains("en.train.tokens: missing or damaged"));
  CHECK_THAT(f.said[2], Catch::Contains("fr.valid.tokens: missing or damaged"));
  CHECK(second.language("en").train.sha256 == first.language("en").train.sha256);
  CHECK(second.language("fr").valid.sha256 == first.language("fr").valid.sha256);
}

TEST_CASE("a damaged manifest is said and remade, a newer one refused") {
  Fixture f;
  f.prepare();
  f.folder.write("data/manifest.json", "{\"version\": 1, ");
  f.prepare();
  CHECK_THAT(f.said.front(), Catch::Contains("manifest.json: damaged"));
  f.folder.write("data/manifest.json", "{\"version\": 99}");
  CHECK_THAT(message_of([&] { f.prepare(); }),
             Catch::Contains("version 99 was written by a newer crosslaw"));
}

TEST_CASE("a validation text that is too small is an error with both numbers") {
  Fixture f;
  f.options.valid_tokens = 1'000'000;
  CHECK_THAT(message_of([&] { f.prepare(); }),
             Catch::Contains("data.language.en.valid") && Catch::Contains("1000000"));
}

TEST_CASE("a trained tokenizer covers both languages, falls back to bytes and is reused") {
  Fixture f;
  f.options.tokenizer = "train:320";
  Corpus corpus = f.prepare();
  CHECK(corpus.vocabulary == 320);
  Tokenizer tokenizer = Tokenizer::load(f.options.folder / "tokenizer.model");
  CHECK(tokenizer.sha256() == corpus.tokenizer_sha256);
  std::string text = "la rivière 中";
  int64_t bytes = 0;
  for (int32_t token : tokenizer.encode(text)) bytes += tokenizer.bytes_of_token(token);
  CHECK(bytes == static_cast<int64_t>(text.size()));
  CHECK(tokenizer.encode("the river runs").size() < 14);
  f.prepare();
  CHECK(f.said.empty());
}

TEST_CASE("a tokenizer that cannot be trained or loaded is named") {
  Fixture f;
  f.options.tokenizer = "train:12";
  CHECK_THAT(message_of([&] { f.prepare(); }), Catch::Contains("train:<vocabulary>"));
  f.options.tokenizer = "train:50000";
  CHECK_THAT(message_of([&] { f.prepare(); }),
             Catch::Contains("training a tokenizer of 50000 tokens failed"));
  f.options.tokenizer = f.folder.write("no.model", "nonsense").string();
  CHECK_THAT(message_of([&] { f.prepare(); }),
             Catch::Contains("no.model: not a SentencePiece model"));
}

}  // namespace crosslaw::trainer
