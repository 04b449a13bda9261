#include "trainer/corpus/tokenizer_json.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "db/files/utf8.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;

constexpr const char* kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space

struct Piece {
  std::string text;
  float score;  // SentencePiece merges the pair of the highest score first
};

// Every way to make each piece of two others, in the order in which merges are tried.
json merges_of(std::vector<Piece> pieces, const std::map<std::string, int>& ids) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.score > b.score; });
  json merges = json::array();
  for (const Piece& piece : pieces) {
    std::vector<std::pair<int, int>> ways;
    for (size_t at = db::utf8_length(piece.text, 0); at > 0 && at < piece.text.size();
         at += std::max<size_t>(1, db::utf8_length(piece.text, at))) {
      auto left = ids.find(piece.text.substr(0, at)), right = ids.find(piece.text.substr(at));
      if (left != ids.end() && right != ids.end()) ways.emplace_back(left->second, right->second);
    }
    std::sort(ways.begin(), ways.end());
    for (const auto& [left, right] : ways) merges.push_back({left, right});
  }
  return merges;
}

json replace(const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

}  // namespace

std::string tokenizer_json_of(const std::filesystem::path& file) {
  sentencepiece::SentencePieceProcessor processor;
  if (auto status = processor.Load(file.string()); !status.ok())
    throw std::runtime_error(
        fmt::format("{}: not a SentencePiece model ({})", file.string(), status.ToString()));
  json vocabulary, special = json::array();
  std::vector<Piece> pieces;
  std::map<std::string, int> ids;
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    const std::string& text = processor.IdToPiece(id);
    vocabulary[text] = id;
    if (processor.IsControl(id) || processor.IsUnknown(id)) {
      special.push_back({{"id", id},
                         {"content", text},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false},
                         {"special", true}});
    } else if (!processor.IsByte(id)) {
      pieces.push_back({text, processor.GetScore(id)});
      ids[text] = id;
    }
  }
  json merges = merges_of(pieces, ids);
  for (json& merge : merges)
    merge = {processor.IdToPiece(merge[0].get<int>()), processor.IdToPiece(merge[1].get<int>())};
  const json content = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", special},
      {"normalizer", replace(" ", kSpaceMark)},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders", {replace(kSpaceMark, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", processor.IdToPiece(processor.unk_id())},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"ignore_merges", false},
        {"vocab", vocabulary},
        {"merges", merges}}}};
  return content.dump(1) + "\n";
}

}  // namespace crosslaw::trainer
