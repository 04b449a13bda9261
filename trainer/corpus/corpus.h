#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// The text of one language, as files that read_documents() understands.
struct LanguageFiles {
  std::string language;
  std::vector<std::filesystem::path> train;
  std::vector<std::filesystem::path> valid;
};

struct CorpusOptions {
  std::filesystem::path folder;  // receives the tokenizer, the shards and manifest.json
  std::string tokenizer;         // "bytes", "train:<vocabulary>", or a SentencePiece model file
  std::vector<LanguageFiles> languages;
  int64_t valid_tokens = 0;                     // predicted tokens of each validation set
  int64_t tokenizer_sample_bytes = 50'000'000;  // of text, all languages in equal parts
};

struct ShardRecord {
  std::filesystem::path file;
  std::string sha256;
  int64_t tokens = 0;
  int64_t documents = 0;
  int64_t text_bytes = 0;
};

struct LanguageShards {
  std::string language;
  ShardRecord train;
  ShardRecord valid;
};

struct Corpus {
  std::string tokenizer_sha256;
  int64_t vocabulary = 0;
  std::vector<LanguageShards> languages;

  const LanguageShards& language(const std::string& name) const;
};

std::vector<std::string> complaints(const CorpusOptions& options);

// Makes the tokenizer and the shards, or finds them made from the same text already (by size and
// date, else by hash) and does nothing. What is missing or damaged is named through `say` and made
// again. Throws std::runtime_error for text that cannot be used, and for a validation set that is
// too small.
Corpus prepare_corpus(const CorpusOptions& options,
                      const std::function<void(const std::string&)>& say);

}  // namespace crosslaw::trainer
