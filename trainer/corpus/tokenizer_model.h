#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::trainer {

// What a tokenizer is made of. The functions may be called from several threads at a time.
struct TokenizerModel {
  std::function<std::vector<int32_t>(std::string_view text)> encode;
  std::function<std::string(const std::vector<int32_t>& tokens)> decode;
  std::function<int64_t(std::string_view text, int64_t count)> bytes_of_first_tokens;
  int32_t vocabulary = 0;
  int32_t separator = 0;
  std::string separator_text;  // how the tokenizer itself spells it
  int32_t unknown = -1;
  std::string sha256;
};

}  // namespace crosslaw::trainer
