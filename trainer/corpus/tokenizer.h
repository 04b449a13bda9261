#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/corpus/tokenizer_model.h"

namespace crosslaw::trainer {

// What data.tokenizer may be.
inline constexpr const char* kTokenizerKinds =
    "\"bytes\", \"train:32000\" (made of the training text), \"tokens:50257\" (for files of "
    "tokens), or the file of a SentencePiece model or a tokenizer.json";

// Text to tokens: the 256 bytes, a SentencePiece model, or a tokenizer.json of Hugging Face. All
// members may be called from several threads at a time.
class Tokenizer {
 public:
  // Token = byte; token 0 (NUL, which no text holds) separates documents.
  static Tokenizer bytes();
  // The numbers below `vocabulary`, made elsewhere: they encode no text.
  static Tokenizer of_token_files(int32_t vocabulary);
  // A SentencePiece model, or what load_hugging_face_tokenizer() reads when the file ends in .json.
  // Throws std::runtime_error or std::invalid_argument when the file is none.
  static Tokenizer load(const std::filesystem::path& model);
  explicit Tokenizer(TokenizerModel model) : model_(std::move(model)) {}

  // Tokens of one document, the separator not included. Throws std::invalid_argument where tokens
  // come from files alone.
  std::vector<int32_t> encode(std::string_view text) const;
  // The text that the tokens stand for, which is not the one they were made of when the tokenizer
  // normalises it or does not know all of it. Empty where tokens come from files alone.
  std::string decode(const std::vector<int32_t>& tokens) const;
  // Bytes of `text` that the first `count` tokens of encode(text) were made of. (They are counted
  // in the text itself; what decode() gives back may be longer or shorter.)
  int64_t bytes_of_first_tokens(std::string_view text, int64_t count) const;

  int32_t separator() const { return model_.separator; }
  const std::string& separator_text() const { return model_.separator_text; }
  int32_t vocabulary() const { return model_.vocabulary; }
  int32_t unknown() const {
    return model_.unknown;
  }  // stands for unknown characters; -1: none does
  // Whether every text comes back from its tokens byte by byte, known without trying.
  bool is_lossless() const { return is_lossless_; }
  const std::string& sha256() const { return model_.sha256; }

 private:
  TokenizerModel model_;
  bool is_lossless_ = false;
};

// Bytes of `text` that do not come back in `decoded`, wherever they stand in it: the least that was
// lost. Newlines made spaces and characters replaced by others count; a mere change of order, which
// no tokenizer makes, would not.
int64_t lost_bytes(std::string_view text, std::string_view decoded);

// Trains a SentencePiece BPE model with byte fallback, as LLaMA's. `next_line` fills in the next
// line of text (no line has more than kLongestSentenceBytes) and returns false at the end. Returns
// the serialized model. Throws std::invalid_argument that names data.tokenizer when the text and
// the vocabulary do not fit each other.
inline constexpr size_t kLongestSentenceBytes = 65536;
std::string train_tokenizer(int64_t vocabulary, const std::function<bool(std::string&)>& next_line);

}  // namespace crosslaw::trainer
