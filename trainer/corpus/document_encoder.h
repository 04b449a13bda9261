#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {

// A raw text as tokens, with what its tokenizer made of it.
struct EncodedText {
  bool begins_document = false;
  std::vector<int32_t> tokens;  // without a separator
  int64_t text_bytes = 0;       // of the text itself
  int64_t lost_bytes = 0;       // of them, that do not come back from the tokens
  int64_t unknown_tokens = 0;
  bool usable = true;  // false: no document, faults tell why
  std::vector<TextFault> faults;
};

// Encodes each raw text, in order; the work is shared among `threads`, the result does not depend
// on them. Rethrows what the tokenizer throws. With `only_check` the texts are parsed and not
// encoded.
std::vector<EncodedText> encode_texts(const std::vector<RawText>& raws, const Tokenizer& tokenizer,
                                      const std::string& text_field, unsigned threads,
                                      bool only_check);

// Bytes of the raw text's text that the first `count` of its tokens were made of.
int64_t bytes_of_first_tokens(const RawText& raw, const Tokenizer& tokenizer,
                              const std::string& text_field, int64_t count);

}  // namespace crosslaw::trainer
