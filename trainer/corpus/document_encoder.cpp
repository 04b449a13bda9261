#include "trainer/corpus/document_encoder.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <thread>

namespace crosslaw::trainer {
namespace {

// A long document goes through the tokenizer in parts, whose tokens follow each other:
// SentencePiece holds some hundred bytes for each byte that it looks at.
void for_each_part(std::string_view text, const std::function<bool(std::string_view)>& on_part) {
  while (!text.empty()) {
    size_t bytes = cut_of(text, kTextPartBytes);
    if (!on_part(text.substr(0, bytes))) return;
    text.remove_prefix(bytes);
  }
}

EncodedText encode_text(const RawText& raw, const Tokenizer& tokenizer,
                        const std::string& text_field, bool only_check) {
  ParsedText parsed = parse_text(raw, text_field);
  EncodedText encoded;
  encoded.begins_document = raw.begins_document;
  encoded.usable = parsed.usable;
  encoded.faults = std::move(parsed.faults);
  encoded.text_bytes = static_cast<int64_t>(parsed.text.size());
  if (only_check) return encoded;
  for_each_part(parsed.text, [&](std::string_view part) {
    std::vector<int32_t> tokens = tokenizer.encode(part);
    if (!tokenizer.is_lossless()) encoded.lost_bytes += lost_bytes(part, tokenizer.decode(tokens));
    encoded.unknown_tokens += std::count(tokens.begin(), tokens.end(), tokenizer.unknown());
    if (encoded.tokens.empty()) {
      encoded.tokens = std::move(tokens);
    } else {
      encoded.tokens.insert(encoded.tokens.end(), tokens.begin(), tokens.end());
    }
    return true;
  });
  return encoded;
}

}  // namespace

std::vector<EncodedText> encode_texts(const std::vector<RawText>& raws, const Tokenizer& tokenizer,
                                      const std::string& text_field, unsigned threads,
                                      bool only_check) {
  std::vector<EncodedText> encoded(raws.size());
  std::vector<std::exception_ptr> errors(raws.size());
  std::atomic<size_t> next = 0;
  // Whoever is free takes the next text, for their lengths differ; each has a place of its own.
  auto work = [&]() {
    for (size_t i = next++; i < raws.size(); i = next++) {
      try {
        encoded[i] = encode_text(raws[i], tokenizer, text_field, only_check);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < std::min<size_t>(threads, raws.size()); ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return encoded;
}

int64_t bytes_of_first_tokens(const RawText& raw, const Tokenizer& tokenizer,
                              const std::string& text_field, int64_t count) {
  int64_t bytes = 0;
  const std::string text = parse_text(raw, text_field).text;
  for_each_part(text, [&](std::string_view part) {
    auto tokens = static_cast<int64_t>(tokenizer.encode(part).size());
    bytes += tokens <= count ? static_cast<int64_t>(part.size())
                             : tokenizer.bytes_of_first_tokens(part, count);
    count -= tokens;
    return count > 0;
  });
  return bytes;
}

}  // namespace crosslaw::trainer
