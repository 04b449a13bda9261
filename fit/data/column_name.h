#pragma once

#include <optional>
#include <string>
#include <string_view>

// What the name of a column says by itself.
namespace crosslaw::fit {

// A name as it is compared: lower case, without "config.", "summary/" and the like in front, the
// unit in brackets or at the end, and with _ for what is neither letter nor digit.
std::string plain_column_name(std::string_view column);

// The words of a name, those in brackets too, in lower case between underscores: "_val_loss_" of
// "valLoss" and "Val Loss".
std::string words_in_name(std::string_view column);
// Whether such words hold one, or several in a row; "batch*": one that begins so.
bool holds_word(std::string_view words, std::string_view word);

// Whether a name is tokens a parameter, such as "tokens_per_param" and "D/N".
bool names_ratio(std::string_view column);

// "log10(N)", "ln_tokens", "log N": the base (0: unsaid) and the name of what was logged.
struct NamedLogarithm {
  double base = 0;
  std::string of;
};
std::optional<NamedLogarithm> names_logarithm(std::string_view column);

// What "steps", "sequences" or "samples" count, and how many tokens one may have. Absent: the name
// says none of them.
struct TokenPiece {
  const char* name;
  const char* example;
};
std::optional<TokenPiece> piece_of_tokens(std::string_view column);

// "model size (MB)", "dataset_gb": bytes, which are no count of parameters or tokens.
bool names_bytes(std::string_view column);

}  // namespace crosslaw::fit
