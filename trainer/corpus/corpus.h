#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer/corpus/choice_set.h"
#include "trainer/corpus/shard_maker.h"
#include "trainer/corpus/text_audit.h"

namespace crosslaw::trainer {

// The text of one language, as files that read_raw_texts() understands.
struct LanguageFiles {
  std::string language;
  std::vector<std::filesystem::path> train;
  std::vector<std::filesystem::path> valid;
};

struct CorpusOptions {
  std::filesystem::path folder;  // receives the tokenizer, the shards and manifest.json
  std::string tokenizer;         // "bytes", "train:<vocabulary>", or a SentencePiece model file
  std::vector<LanguageFiles> languages;
  std::vector<ChoiceFile> choices;
  int64_t valid_tokens = 0;  // predicted tokens of each validation set
  TextPolicy text;
  double allow_overlap = 0.005;  // of a validation text, in passages that training text holds
  double allow_foreign = 0.3;    // of a text, in other languages than it is called; 1: any
  double max_lost_share = 0.05;  // of a text's bytes, that the tokenizer may not give back
  int64_t tokenizer_sample_bytes = 50'000'000;  // of text, all languages in equal parts
};

struct ShardRecord {
  std::filesystem::path file;
  std::string sha256;
  int64_t tokens = 0;
  int64_t documents = 0;
  int64_t text_bytes = 0;
  int64_t lost_bytes = 0;      // that do not come back from the tokens
  int64_t unknown_tokens = 0;  // <unk>
  int64_t skipped = 0;         // documents that could not be used

  double lost_share() const;  // of the text's bytes
};

struct LanguageShards {
  std::string language;
  ShardRecord train;
  ShardRecord valid;
};

// Weights from elsewhere that runs start from.
struct StartCheckpoint {
  std::string key;               // of their content
  std::filesystem::path folder;  // a checkpoint
};

struct Corpus {
  std::string tokenizer_sha256;
  int64_t vocabulary = 0;
  std::vector<LanguageShards> languages;
  TextAudit audit;
  std::vector<ChoiceFile> choices;                      // their `file` holds tokens
  std::map<std::string, StartCheckpoint> start_models;  // by the folder they came from

  const LanguageShards& language(const std::string& name) const;
};

// The files of languages as they are looked at before any shard is made.
std::vector<OverlapText> texts_of(const std::vector<LanguageFiles>& languages);

std::vector<std::string> complaints(const CorpusOptions& options);

// Makes the tokenizer and the shards, or finds them made from the same text already (by size and
// date, else by hash) and does nothing. What is missing or damaged is named through `say` and made
// again, and so is what came of each text: bytes a token, what the tokenizer lost.
// `on_progress` hears how far tokenizing is, in percent of one shard and in words. Throws
// std::invalid_argument for what the spec must change (bad documents, a text that serves training
// and validation, or shares more passages than allow_overlap, or is foreign to more than
// allow_foreign, a tokenizer that loses more than it may, a validation set that is too small),
// std::runtime_error for files that cannot be read or written.
using OnTokenizing = std::function<void(int64_t percent, const std::string& text)>;
Corpus prepare_corpus(const CorpusOptions& options,
                      const std::function<void(const std::string&)>& say,
                      const OnTokenizing& on_progress = {});

}  // namespace crosslaw::trainer
