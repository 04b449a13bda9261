#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// The lines from which a tokenizer is trained: the beginning of each language's training text, in
// equal parts by bytes. What cannot be used is left out here; the shards tell of it.
class TrainingSample {
 public:
  TrainingSample(const std::vector<std::vector<std::filesystem::path>>& files_of_languages,
                 int64_t bytes, const std::string& text_field);
  // The next line, cut to what the tokenizer's trainer accepts; false at the end.
  bool next(std::string& line);

 private:
  void add_lines(std::string_view text);
  std::vector<std::string> lines_;
  size_t at_ = 0;
};

}  // namespace crosslaw::trainer
