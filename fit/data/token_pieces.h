#pragma once

#include <string>

#include "fit/data/column_name.h"
#include "fit/data/record_table.h"

namespace crosslaw::fit {

// What turns a column of steps or sequences into tokens, by what the file says of the batch and
// the length of its sequences: "--tokens-unit 524288 (batch_tokens) multiplies by the tokens of
// one".
std::string tokens_of_piece(const Records& records, const std::string& column,
                            const TokenPiece& piece);

}  // namespace crosslaw::fit
