#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "db/files/content_hash.h"
#include "tests/support/temp_folder.h"
#include "trainer/corpus/corpus.h"
#include "trainer/corpus/token_shard.h"

namespace crosslaw::trainer {

inline std::string jsonl(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) lines += "{\"text\":\"" + text + "\"}\n";
  return lines;
}

// Two languages with different words, enough of them for a small vocabulary.
inline std::string sentences(const std::string& a, const std::string& b, int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i)
    texts.push_back(a + " " + std::to_string(i * 37 % 101) + " " + b + " " + a.substr(0, 3) +
                    b.substr(0, 2));
  return jsonl(texts);
}

struct CorpusFixture {
  tests::TempFolder folder;
  CorpusOptions options;
  std::vector<std::string> said;

  CorpusFixture() {
    folder.write("en.jsonl", sentences("the river", "runs to the sea", 300));
    folder.write("fr.jsonl", sentences("la rivière", "court à la mer", 300));
    folder.write("en.valid.jsonl", sentences("the brook", "runs to the lake", 300));
    folder.write("fr.valid.jsonl", sentences("le ruisseau", "va au lac", 300));
    options.folder = folder / "data";
    options.tokenizer = "bytes";
    options.valid_tokens = 64;
    options.allow_foreign = 1;  // Python's guesser takes a second to start
    options.languages = {{"en", {folder / "en.jsonl"}, {folder / "en.valid.jsonl"}},
                         {"fr", {folder / "fr.jsonl"}, {folder / "fr.valid.jsonl"}}};
  }
  Corpus prepare() {
    said.clear();
    return prepare_corpus(options, [&](const std::string& message) { said.push_back(message); });
  }
};

inline std::vector<int64_t> tokens_of(const ShardRecord& record) {
  TokenShard shard(record.file);
  std::vector<int64_t> tokens(static_cast<size_t>(shard.info().tokens));
  shard.copy(0, shard.info().tokens, tokens.data());
  return tokens;
}

// The names and hashes of every file in a folder but the manifest, which holds paths and times.
inline std::map<std::string, std::string> shards_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename().string()] = db::sha256_of_file(entry.path());
  files.erase("manifest.json");
  return files;
}

}  // namespace crosslaw::trainer
