#include "fit/data/token_pieces.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

namespace crosslaw::fit {
namespace {

using PieceNames = std::initializer_list<std::string_view>;

// Above, a "batch size" counts tokens and no sequences.
constexpr double kMostSequences = 20000;

// As plain_column_name() gives them.
const PieceNames kTokensOfStep = {
    "batch_tokens",        "tokens_per_step",      "tokens_per_batch", "batch_size_tokens",
    "global_batch_tokens", "batch_size_in_tokens", "tokens_per_iter",  "tokens_per_update"};
const PieceNames kBatch = {"batch_size",           "global_batch_size", "batch", "train_batch_size",
                           "effective_batch_size", "total_batch_size",  "gbs",   "bs"};
const PieceNames kLength = {
    "seq_len",      "sequence_length", "seq_length",  "seqlen",      "context_length",
    "context_size", "context",         "context_len", "max_seq_len", "max_seq_length",
    "block_size",   "n_ctx",           "ctx_len",     "ctx",         "seq",
    "sequence_len"};

std::optional<std::size_t> column_of(const Records& records, const PieceNames& names) {
  for (const std::string_view name : names) {
    for (std::size_t c = 0; c < records.columns.size(); ++c) {
      if (plain_column_name(records.columns[c]) == name) return c;
    }
  }
  return std::nullopt;
}

// Batches of one device or one pass make no step by themselves.
bool are_in_parts(const Records& records) {
  return std::any_of(records.columns.begin(), records.columns.end(), [](const std::string& column) {
    const std::string words = words_in_name(column);
    for (const char* each :
         {"accum*", "accumulation*", "micro*", "device*", "world_size", "n_gpus", "num_gpus"}) {
      if (holds_word(words, each)) return true;
    }
    return false;
  });
}

// The columns whose product is the tokens of a piece.
std::vector<std::size_t> factors_of(const Records& records, bool of_step) {
  if (of_step) {
    if (const auto tokens = column_of(records, kTokensOfStep)) return {*tokens};
  }
  const auto length = column_of(records, kLength);
  if (!of_step) return length ? std::vector{*length} : std::vector<std::size_t>{};
  const auto batch = column_of(records, kBatch);
  if (!batch || records.rows.empty() || are_in_parts(records)) return {};
  const auto size = parse_number(records.rows.front()[*batch], records.mark);
  if (size && *size > kMostSequences) return {*batch};
  return length ? std::vector{*batch, *length} : std::vector<std::size_t>{};
}

}  // namespace

std::string tokens_of_piece(const Records& records, const std::string& column,
                            const TokenPiece& piece) {
  const std::vector<std::size_t> factors =
      factors_of(records, std::string_view(piece.name) == "step");
  std::vector<std::string> names;
  for (const std::size_t c : factors) names.push_back(records.columns[c]);
  std::optional<double> one;
  for (const auto& row : records.rows) {
    double product = 1;
    for (const std::size_t c : factors) {
      product *= parse_number(row[c], records.mark).value_or(0);
    }
    if (one && *one != product) {
      return fmt::format("write a column of tokens, {} x {}", column, fmt::join(names, " x "));
    }
    one = product;
  }
  if (factors.empty() || !one || !(*one > 0)) {
    return fmt::format("--tokens-unit {} multiplies by the tokens of one", piece.example);
  }
  return fmt::format("--tokens-unit {:.17g} ({}) multiplies by the tokens of one", *one,
                     fmt::join(names, " x "));
}

}  // namespace crosslaw::fit
