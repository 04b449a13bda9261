#include "trainer/corpus/tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

#include "db/files/content_hash.h"

namespace crosslaw::trainer {
namespace {

// SentencePiece writes a space as U+2581, three bytes.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

int32_t text_bytes(const std::string& piece) {
  size_t bytes = piece.size();
  for (size_t at = piece.find(kSpaceMark); at != std::string::npos;
       at = piece.find(kSpaceMark, at + kSpaceMark.size())) {
    bytes -= kSpaceMark.size() - 1;
  }
  return static_cast<int32_t>(bytes);
}

// SentencePiece pulls its training text; ours is pushed by readers. This joins the two.
class LineIterator : public sentencepiece::SentenceIterator {
 public:
  explicit LineIterator(const std::function<bool(std::string&)>& next) : next_(next) { Next(); }
  bool done() const override { return done_; }
  void Next() override { done_ = !next_(line_); }
  const std::string& value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::function<bool(std::string&)>& next_;
  std::string line_;
  bool done_ = false;
};

}  // namespace

struct Tokenizer::Model {
  sentencepiece::SentencePieceProcessor processor;
};

Tokenizer Tokenizer::bytes() {
  Tokenizer tokenizer;
  tokenizer.bytes_of_token_.assign(256, 1);
  // Token 0 separates documents: text holds no NUL (text_reader.h).
  tokenizer.bytes_of_token_[0] = 0;
  tokenizer.sha256_ = db::sha256("crosslaw bytes 1");
  return tokenizer;
}

Tokenizer Tokenizer::load(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  if (!input) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  std::string serialized{std::istreambuf_iterator<char>(input), {}};
  auto model = std::make_shared<Model>();
  auto status = model->processor.LoadFromSerializedProto(serialized);
  if (!status.ok()) {
    throw std::runtime_error(
        fmt::format("{}: not a SentencePiece model ({})", file.string(), status.ToString()));
  }
  const auto& processor = model->processor;
  Tokenizer tokenizer;
  tokenizer.sha256_ = db::sha256(serialized);
  // An end token where there is one, else a begin token: either marks the boundary.
  int32_t separator = processor.eos_id() >= 0 ? processor.eos_id() : processor.bos_id();
  if (separator < 0) {
    throw std::runtime_error(fmt::format(
        "{}: the model has neither an end nor a begin token to separate documents", file.string()));
  }
  tokenizer.separator_ = separator;
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    // Losses per byte divide by the bytes of text, of which control tokens hold none.
    bool control = processor.IsControl(id) || processor.IsUnknown(id) || processor.IsUnused(id);
    tokenizer.bytes_of_token_.push_back(control ? 0
                                        : processor.IsByte(id)
                                            ? 1
                                            : text_bytes(processor.IdToPiece(id)));
  }
  tokenizer.model_ = std::move(model);
  return tokenizer;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  if (!model_) {
    std::vector<int32_t> tokens;
    tokens.reserve(text.size());
    for (char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  std::vector<int> tokens;
  auto status = model_->processor.Encode(text, &tokens);
  if (!status.ok()) throw std::runtime_error("SentencePiece: " + status.ToString());
  return {tokens.begin(), tokens.end()};
}

std::string train_tokenizer(int64_t vocabulary,
                            const std::function<bool(std::string&)>& next_line) {
  const std::unordered_map<std::string, std::string> settings = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(vocabulary)},
      // LLaMA-2's settings: any text can be encoded, digits stand alone, nothing is normalised
      // away, so that encoding loses no byte.
      {"byte_fallback", "true"},
      {"character_coverage", "0.9999"},
      {"split_digits", "true"},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"add_dummy_prefix", "false"},
      {"max_sentence_length", "65536"},
      {"minloglevel", "2"},
  };
  LineIterator lines(next_line);
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train(settings, &lines, &model);
  if (!status.ok()) {
    throw std::runtime_error(
        fmt::format("training a tokenizer of {} tokens failed: {}", vocabulary, status.ToString()));
  }
  return model;
}

}  // namespace crosslaw::trainer
