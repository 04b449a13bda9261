#include "trainer/corpus/tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <regex>
#include <stdexcept>
#include <unordered_map>

#include "db/files/content_hash.h"
#include "db/files/read_file.h"
#include "trainer/corpus/hugging_face_tokenizer.h"

namespace crosslaw::trainer {
namespace {

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

// A reader of protocol buffers' wire format, for the one message below.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // The next field's number, and for a length-delimited one its bytes. Nothing at the end, or where
  // the bytes are no message.
  struct Field {
    uint64_t number = 0;
    std::string_view bytes;
  };
  std::optional<Field> next() {
    if (rest_.empty()) return {};
    uint64_t tag = varint();
    if ((tag & 7) == 0) {
      varint();
      return Field{tag >> 3, {}};
    }
    uint64_t length = (tag & 7) == 2 ? varint() : (tag & 7) == 5 ? 4 : 8;
    std::string_view bytes = rest_.substr(0, length);
    rest_.remove_prefix(bytes.size());
    return Field{tag >> 3, bytes};
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (!(byte & 0x80)) break;
    }
    return value;
  }
  std::string_view rest_;
};

// SentencePieceText of sentencepiece.proto: repeated pieces = 2, of which surface = 3 is the part
// of the input that became the piece. Read by hand, for the header that knows the message is not
// installed everywhere.
int64_t surface_bytes(std::string_view message, int64_t pieces) {
  int64_t bytes = 0, seen = 0;
  WireReader reader(message);
  for (auto field = reader.next(); field && seen < pieces; field = reader.next()) {
    if (field->number != 2) continue;
    ++seen;
    WireReader piece(field->bytes);
    for (auto part = piece.next(); part; part = piece.next()) {
      if (part->number == 3) bytes += static_cast<int64_t>(part->bytes.size());
    }
  }
  return bytes;
}

// The first number behind `words` in SentencePiece's message.
std::optional<int64_t> number_behind(const std::string& message, const std::string& words) {
  std::smatch found;
  if (!std::regex_search(message, found, std::regex(words + "[^0-9]*([0-9]{1,12})"))) return {};
  return std::stoll(found[1]);
}

// SentencePiece speaks of its own options and source lines; the reader has a key to change.
std::string why_training_failed(int64_t vocabulary, const std::string& message) {
  std::string key = fmt::format("data.tokenizer = \"train:{}\": ", vocabulary);
  if (auto most = number_behind(message, "value <=")) {
    return key + fmt::format(
                     "the training text has words for {} tokens at most; write \"train:{}\" or "
                     "give more text",
                     *most, *most);
  }
  if (auto least = number_behind(message, "required_chars\\. [0-9]+ vs")) {
    return key + fmt::format(
                     "the characters of the training text alone need {} tokens; write \"train:{}\" "
                     "or more",
                     *least, *least);
  }
  return key + fmt::format("the tokenizer cannot be trained on this text; SentencePiece says: {}",
                           message);
}

}  // namespace

Tokenizer Tokenizer::bytes() {
  TokenizerModel model;
  model.vocabulary = 256;
  model.sha256 = db::sha256("crosslaw bytes 1");
  model.encode = [](std::string_view text) {
    std::vector<int32_t> tokens;
    tokens.reserve(text.size());
    for (char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  };
  model.decode = [](const std::vector<int32_t>& tokens) {
    std::string text;
    for (int32_t token : tokens) text += static_cast<char>(token);
    return text;
  };
  model.bytes_of_first_tokens = [](std::string_view text, int64_t count) {
    return std::min(count, static_cast<int64_t>(text.size()));
  };
  Tokenizer tokenizer(std::move(model));
  tokenizer.is_lossless_ = true;
  return tokenizer;
}

Tokenizer Tokenizer::of_token_files(int32_t vocabulary) {
  TokenizerModel model;
  model.vocabulary = vocabulary;
  model.sha256 = db::sha256(fmt::format("crosslaw tokens {}", vocabulary));
  return Tokenizer(std::move(model));
}

Tokenizer Tokenizer::load(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file))
    throw std::invalid_argument(fmt::format(
        "data.tokenizer: there is no file {}; a tokenizer is {}", file.string(), kTokenizerKinds));
  if (file.extension() == ".json") return Tokenizer(load_hugging_face_tokenizer(file));
  const auto serialized = db::read_file(file);
  if (!serialized)
    throw std::runtime_error(fmt::format("data.tokenizer: {}: cannot be read", file.string()));
  auto processor = std::make_shared<sentencepiece::SentencePieceProcessor>();
  if (!processor->LoadFromSerializedProto(*serialized).ok())
    throw std::invalid_argument(fmt::format(
        "data.tokenizer: {}: not a SentencePiece model, or a damaged one; a tokenizer is "
        "{}",
        file.string(), kTokenizerKinds));
  TokenizerModel model;
  model.sha256 = db::sha256(*serialized);
  // An end token where there is one, else a begin token: either marks the boundary.
  model.separator = processor->eos_id() >= 0 ? processor->eos_id() : processor->bos_id();
  if (model.separator < 0) {
    throw std::runtime_error(fmt::format(
        "{}: the model has neither an end nor a begin token to separate documents", file.string()));
  }
  model.separator_text = processor->IdToPiece(model.separator);
  model.vocabulary = processor->GetPieceSize();
  model.unknown = processor->unk_id();
  model.encode = [processor](std::string_view text) {
    std::vector<int> tokens;
    auto done = processor->Encode(text, &tokens);
    if (!done.ok()) throw std::runtime_error("SentencePiece: " + done.ToString());
    return std::vector<int32_t>(tokens.begin(), tokens.end());
  };
  model.decode = [processor](const std::vector<int32_t>& tokens) {
    std::string text;
    auto done = processor->Decode(std::vector<int>(tokens.begin(), tokens.end()), &text);
    if (!done.ok()) throw std::runtime_error("SentencePiece: " + done.ToString());
    return text;
  };
  model.bytes_of_first_tokens = [processor](std::string_view text, int64_t count) {
    return surface_bytes(processor->EncodeAsSerializedProto(text), count);
  };
  return Tokenizer(std::move(model));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  if (!model_.encode)
    throw std::invalid_argument(
        fmt::format("data.tokenizer = \"tokens:{}\": only files of tokens (.bin) can be read with "
                    "it; text needs "
                    "the tokenizer itself",
                    vocabulary()));
  return model_.encode(text);
}

std::string Tokenizer::decode(const std::vector<int32_t>& tokens) const {
  return model_.decode ? model_.decode(tokens) : std::string();
}

int64_t Tokenizer::bytes_of_first_tokens(std::string_view text, int64_t count) const {
  return model_.bytes_of_first_tokens(text, count);
}

int64_t lost_bytes(std::string_view text, std::string_view decoded) {
  if (text == decoded) return 0;
  std::array<int64_t, 256> left{};
  for (char c : decoded) ++left[static_cast<unsigned char>(c)];
  int64_t lost = 0;
  for (char c : text) lost += --left[static_cast<unsigned char>(c)] < 0;
  return lost;
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
      {"max_sentence_length", std::to_string(kLongestSentenceBytes)},
      {"minloglevel", "2"},
  };
  bool any = false;
  std::function<bool(std::string&)> watched = [&](std::string& line) {
    bool more = next_line(line);
    any = any || more;
    return more;
  };
  LineIterator lines(watched);
  if (!any) {
    throw std::invalid_argument(
        fmt::format("data.tokenizer = \"train:{}\": the training texts hold no line to learn from",
                    vocabulary));
  }
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train(settings, &lines, &model);
  if (!status.ok()) throw std::invalid_argument(why_training_failed(vocabulary, status.ToString()));
  return model;
}

}  // namespace crosslaw::trainer
