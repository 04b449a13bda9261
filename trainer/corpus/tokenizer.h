#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::trainer {

// Text to tokens: the 256 bytes, or a SentencePiece model.
class Tokenizer {
 public:
  // Token = byte; token 0 (NUL, which no text holds) separates documents.
  static Tokenizer bytes();
  // Throws std::runtime_error when the file is no SentencePiece model.
  static Tokenizer load(const std::filesystem::path& model);

  // Tokens of one document, the separator not included.
  std::vector<int32_t> encode(std::string_view text) const;

  int32_t separator() const { return separator_; }
  int32_t vocabulary() const { return static_cast<int32_t>(bytes_of_token_.size()); }
  // UTF-8 bytes of text that a token stands for; 0 for separators and control tokens.
  int32_t bytes_of_token(int32_t token) const {
    return bytes_of_token_[static_cast<size_t>(token)];
  }
  const std::string& sha256() const { return sha256_; }

 private:
  struct Model;
  Tokenizer() = default;
  std::shared_ptr<const Model> model_;  // null: bytes
  std::vector<int32_t> bytes_of_token_;
  int32_t separator_ = 0;
  std::string sha256_;
};

// Trains a SentencePiece BPE model with byte fallback, as LLaMA's,.
// `next_line` fills in the next line of text and returns false at the end. Returns the serialized
// model. Throws std::runtime_error when SentencePiece refuses (a vocabulary larger than the text
// supports).
std::string train_tokenizer(int64_t vocabulary, const std::function<bool(std::string&)>& next_line);

}  // namespace crosslaw::trainer
