#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace crosslaw::trainer {

// Windows of validation text that training text holds, too. A window of 50 bytes or 13 tokens is a
// phrase that two texts may share by chance; a passage of 200 bytes is text that was seen.
inline constexpr int64_t kOverlapBytes = 50;
inline constexpr int64_t kOverlapTokens = 13;
inline constexpr int64_t kPassageBytes = 200;

// One language's texts: the files they were read from, and the shards that were made of them.
struct OverlapText {
  std::string language;
  std::vector<std::filesystem::path> train, valid;  // files
  std::filesystem::path train_shard, valid_shard;
  int64_t valid_documents = 0;  // of the validation files, from the first on, that are measured
};

struct WindowCount {
  int64_t windows = 0, shared = 0;
  double share() const;
};

// A validation document that holds a passage of training text.
struct LeakedDocument {
  std::string file;
  int64_t line = 0;     // of the file, where it begins
  WindowCount windows;  // of kPassageBytes
  std::string train_language, train_file;
  int64_t train_line = 0;  // where a first passage of it was found
};

// What one validation set shares with all training texts.
struct Overlap {
  std::string language;
  WindowCount bytes;                           // of kOverlapBytes
  WindowCount tokens;                          // of kOverlapTokens; none where a byte is a token
  WindowCount passages;                        // of kPassageBytes
  std::map<std::string, int64_t> passages_in;  // windows of them by training language
  std::vector<LeakedDocument> documents;       // those that share most first
};

// Of texts whose documents can be read; token files share windows of tokens alone. `separator` is
// the token between documents; with `bytes_are_tokens` tokens are not looked at.
std::vector<Overlap> find_overlaps(const std::vector<OverlapText>& texts,
                                   const std::string& text_field, int64_t separator,
                                   bool bytes_are_tokens);

// [begin, end) in tokens of a validation shard.
using TokenRanges = std::vector<std::pair<int64_t, int64_t>>;

// Of each validation shard the tokens that training text holds, too, in runs as long as a passage:
// 200 tokens of a byte, else 50. Ascending; languages without any are left out.
std::map<std::string, TokenRanges> seen_tokens(const std::vector<OverlapText>& texts,
                                               int64_t separator, bool bytes_are_tokens);

// "fr (valid): 1.3 % of its windows of 50 bytes stand in training text, 0.02 % of its passages of
// 200"
std::string describe(const Overlap& overlap);
// "FILE, line 3: 98 % of it stands in FILE, line 7 of data.language.en.train"
std::string describe(const LeakedDocument& document);

}  // namespace crosslaw::trainer
