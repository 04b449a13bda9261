#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {

// How documents are read.
struct TextPolicy {
  std::string text_field = "text";
  bool skip_bad_documents = false;  // else any of them is an error that lists them all
  unsigned threads = 0;             // 0: all processors; the shard does not depend on it
};

struct ShardRequest {
  std::string key;  // of the spec, for messages: data.language.fr.train
  std::filesystem::path file;
  std::vector<std::filesystem::path> sources;
  int64_t most_tokens = INT64_MAX;
};

struct ShardCounts {
  int64_t tokens = 0;
  int64_t documents = 0;
  int64_t text_bytes = 0;  // of the text itself, whatever the tokenizer makes of it
  int64_t lost_bytes = 0;  // of them, that do not come back from the tokens
  int64_t unknown_tokens = 0;
  int64_t skipped = 0;  // documents, or lines of a .txt, that could not be used
};

// Called now and then with the share of the sources that is done, in percent.
using OnShare = std::function<void(double percent)>;

// Tokenizes the sources, a separator before each document, into a shard that appears complete or
// not at all. Holds some megabytes of text at a time. Says through `say` what was left out. Throws
// std::invalid_argument listing the documents that cannot be used, std::runtime_error for files
// that cannot be read or written.
ShardCounts make_shard(const ShardRequest& request, const Tokenizer& tokenizer,
                       const TextPolicy& policy, const std::function<void(const std::string&)>& say,
                       const OnShare& on_share);

}  // namespace crosslaw::trainer
