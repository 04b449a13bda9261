#pragma once

#include <filesystem>

#include "trainer/corpus/tokenizer_model.h"

namespace crosslaw::trainer {

// A tokenizer.json of Hugging Face (byte-level BPE, unigram and all else that the Python package
// tokenizers reads), run by that package while text is prepared. Throws std::invalid_argument
// naming the file when it is none, when the package is missing, and when no token can separate
// documents.
TokenizerModel load_hugging_face_tokenizer(const std::filesystem::path& file);

}  // namespace crosslaw::trainer
