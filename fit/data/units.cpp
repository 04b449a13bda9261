#include "fit/data/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "fit/data/column_role.h"
#include "fit/data/number_text.h"

namespace crosslaw::fit {
namespace {

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// "M", "in millions", "x1e6", "10^9", "#B": the factor; absent: no unit, or one of 1.
std::optional<double> factor_of(std::string_view text) {
  std::string word = in_lower_case(trimmed(text));
  for (const std::string_view front : {"in ", "x", "\xc3\x97", "*", "#", "/", "count, "}) {
    if (word.starts_with(front) && word.size() > front.size()) {
      word = std::string(trimmed(std::string_view(word).substr(front.size())));
    }
  }
  std::optional<double> out = scale_of_word(word);
  if (!out && !word.empty() && std::isdigit(static_cast<unsigned char>(word[0]))) {
    out = parse_number(word);
    // In a header a year, a version or a width is no power of ten.
    if (out && std::abs(std::log10(*out) - std::round(std::log10(*out))) > 1e-9) out.reset();
  }
  return out && *out > 1 ? out : std::nullopt;
}

std::vector<std::string> words_of(std::string_view column) {
  std::vector<std::string> out(1);
  for (const char c : column) {
    if (std::string_view("_ .,/:-").find(c) != std::string_view::npos) {
      if (!out.back().empty()) out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (out.back().empty() && out.size() > 1) out.pop_back();
  return out;
}

std::optional<std::string> in_brackets(std::string_view column) {
  const std::size_t open = column.find_first_of("([");
  const std::size_t close = column.find_first_of(")]", open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  return std::string(column.substr(open + 1, close - open - 1));
}

}  // namespace

CountUnit parse_count_unit(std::string_view flag, std::string_view text, bool of_tokens) {
  CountUnit out;
  out.by_flag = true;
  const std::string word = in_lower_case(trimmed(text));
  if (of_tokens && (word == "per-param" || word == "d/n")) {
    out.per_param = true;
    return out;
  }
  if (word == "1" || word == "count" || word == "flops" || word == "tokens") return out;
  for (const auto& [name, base] :
       {std::pair{"log10", 10.0}, {"ln", std::numbers::e}, {"log2", 2.0}}) {
    if (word != name) continue;
    out.logarithm = true;
    out.log_base = base;
    return out;
  }
  if (const auto factor = factor_of(word)) {
    out.factor = *factor;
    return out;
  }
  // Such as the tokens of a sequence, or of a step.
  if (const auto number = parse_number(word); of_tokens && number && *number > 0) {
    out.factor = *number;
    return out;
  }
  throw std::invalid_argument(fmt::format(
      "{} {}: expected 1 (as it stands), K, M, B or T{}, a power of ten such as 1e6, or log10 or "
      "ln",
      flag, text,
      of_tokens ? ", per-param (the column is D/N), the tokens of a step"
                : ", GFLOPs to ZFLOPs or PF-days of compute"));
}

CountUnit count_unit_in_header(std::string_view column) {
  CountUnit out;
  if (names_ratio(column)) {
    out.per_param = true;
    out.from_header = "tokens a parameter";
    return out;
  }
  if (const auto logarithm = names_logarithm(column)) {
    out.logarithm = true;
    out.log_base = logarithm->base;
    out.from_header = "logarithm";
    return out;
  }
  std::vector<std::string> candidates;
  if (const auto inside = in_brackets(column)) candidates.push_back(*inside);
  const std::vector<std::string> words = words_of(column);
  // "petaflop_s_days" is a unit of three words.
  for (std::size_t k = 0; k + 1 < words.size(); ++k) {
    candidates.push_back(fmt::format(
        "{}", fmt::join(words.begin() + static_cast<std::ptrdiff_t>(k), words.end(), "-")));
  }
  // A lone "B" or "t" is a name, not a unit; "gflops" is both.
  if (words.size() > 1 || words.front().size() > 2) candidates.push_back(words.back());
  if (words.size() > 1) candidates.push_back(words.front());
  for (const std::string& each : candidates) {
    if (const auto factor = factor_of(each)) {
      out.factor = *factor;
      out.from_header = each;
      return out;
    }
  }
  return out;
}

LossUnit parse_loss_unit(std::string_view text) {
  const std::string word = in_lower_case(trimmed(text));
  if (word == "nats" || word == "nat") return LossUnit::kNats;
  if (word == "bits" || word == "bit") return LossUnit::kBits;
  if (word == "ppl" || word == "perplexity") return LossUnit::kPerplexity;
  if (word == "bpb" || word == "bpc" || word == "bits-per-byte") return LossUnit::kBitsPerByte;
  if (word == "nats-per-byte") return LossUnit::kNatsPerByte;
  if (word == "ln") return LossUnit::kLn;
  if (word == "log10") return LossUnit::kLog10;
  throw std::invalid_argument(fmt::format(
      "--loss-unit {}: expected nats, bits, ppl (perplexity), bpb (bits a byte or character), "
      "nats-per-byte, or ln or log10 of a loss in nats",
      text));
}

LossUnit loss_unit_in_header(std::string_view column) {
  const std::string words = words_in_name(column);
  const auto has = [&](const char* word) { return holds_word(words, word); };
  // Cross entropy by logarithms to base 2 is in bits; weights of 8 bits are another thing.
  const bool quantized = has("4_bit*") || has("8_bit*") || has("16_bit*") || has("32_bit*");
  bool bits = false;
  for (const char* word : {"log2", "log_2", "base_2", "base2", "bit", "bits*", "shannon", "bpt"}) {
    bits = bits || (has(word) && !quantized);
  }
  if (!bits && words.find("loss") != std::string::npos) {
    const auto logarithm = names_logarithm(column);
    const double base = logarithm ? logarithm->base : 0;
    if (base == 10 || has("log10")) return LossUnit::kLog10;
    if (base == std::numbers::e || has("ln")) return LossUnit::kLn;
  }
  const bool perplexity = words.find("perplexity") != std::string::npos;
  if (perplexity || has("ppl*") || has("perp")) return LossUnit::kPerplexity;
  const bool per_byte = has("per_byte*") || has("per_char*") || has("byte*") || has("char*");
  if (has("bpb*") || has("bpc*") || (bits && per_byte)) return LossUnit::kBitsPerByte;
  const bool nats = has("nats*") || has("nat") || has("base_e");
  if (nats && per_byte) return LossUnit::kNatsPerByte;
  if (bits) return LossUnit::kBits;
  return nats ? LossUnit::kNats : LossUnit::kUnsaid;
}

double loss_in_nats(double value, LossUnit unit) {
  switch (unit) {
    case LossUnit::kPerplexity:
      return std::log(value);
    case LossUnit::kBits:
    case LossUnit::kBitsPerByte:
      return value * std::numbers::ln2;
    case LossUnit::kLn:
      return std::exp(value);
    case LossUnit::kLog10:
      return std::pow(10, value);
    case LossUnit::kUnsaid:
    case LossUnit::kNats:
    case LossUnit::kNatsPerByte:
      break;
  }
  return value;
}

std::string describe(LossUnit unit) {
  switch (unit) {
    case LossUnit::kNats:
      return "nats";
    case LossUnit::kBits:
      return "nats, bits times ln 2";
    case LossUnit::kPerplexity:
      return "nats, the logarithm of perplexity";
    case LossUnit::kNatsPerByte:
      return "nats a byte";
    case LossUnit::kBitsPerByte:
      return "nats a byte, bits times ln 2";
    case LossUnit::kLn:
      return "nats, e to the power of it";
    case LossUnit::kLog10:
      return "nats, 10 to the power of it";
    case LossUnit::kUnsaid:
      break;
  }
  return "taken for nats";
}

}  // namespace crosslaw::fit
