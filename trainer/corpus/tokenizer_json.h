#pragma once

#include <filesystem>
#include <string>

namespace crosslaw::trainer {

// A tokenizer that train_tokenizer() made, as a tokenizer.json of Hugging Face that gives the same
// tokens: BPE whose merges are all ways to put a piece together, best pieces first, over text whose
// spaces are U+2581. (Models of others may normalise; what they do is not told by SentencePiece's
// interface.) Throws std::runtime_error when the file is no SentencePiece model.
std::string tokenizer_json_of(const std::filesystem::path& sentence_piece_model);

}  // namespace crosslaw::trainer
