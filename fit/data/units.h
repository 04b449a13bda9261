#pragma once

#include <string>
#include <string_view>

namespace crosslaw::fit {

// What the numbers of a column of N, D or C are multiplied by.
struct CountUnit {
  double factor = 1;
  bool per_param = false;   // of D: the column is D/N
  bool by_flag = false;     // the user said so
  bool logarithm = false;   // the numbers are logarithms,
  double log_base = 0;      // to this base; 0: which one is not said
  std::string from_header;  // "M": the header said so; empty: it did not
};

// The unit that a flag names: K, M, B, T, million, 1e6, 1 (as it stands), log10, log2 or ln; of D
// also "per-param"; of C GFLOPs, PFLOPs, PF-days. Throws std::invalid_argument naming the flag.
CountUnit parse_count_unit(std::string_view flag, std::string_view text, bool of_tokens);

// The unit in a header: "Params (M)", "tokens_B", "Tokens [billions]", "train_PFLOPs", "C (1e18)",
// "tokens_per_param", "log10(N)". Nothing there: factor 1.
CountUnit count_unit_in_header(std::string_view column);

// What a column of losses holds; points are in nats, a token or a byte.
enum class LossUnit { kUnsaid, kNats, kBits, kPerplexity, kNatsPerByte, kBitsPerByte, kLn, kLog10 };

// nats, bits, ppl, bpb, nats-per-byte; ln or log10 of a loss in nats. Throws std::invalid_argument.
LossUnit parse_loss_unit(std::string_view text);
LossUnit loss_unit_in_header(std::string_view column);

// In nats; of a perplexity its logarithm, which is above 0 only for one above 1.
double loss_in_nats(double value, LossUnit unit);

// "nats", "nats, the logarithm of perplexity", "nats a byte, from bits", ...
std::string describe(LossUnit unit);

}  // namespace crosslaw::fit
