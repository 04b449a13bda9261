#include "fit/data/column_name.h"

#include <algorithm>
#include <cctype>
#include <numbers>
#include <utility>

#include "fit/data/number_text.h"

namespace crosslaw::fit {
namespace {

bool is_word_of_bytes(std::string_view word) {
  for (const std::string_view each :
       {"kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "byte", "bytes", "kilobytes",
        "megabytes", "gigabytes", "terabytes"}) {
    if (word == each) return true;
  }
  return false;
}

// "tokens_b", "flops_1e18": a unit at the end, which is no part of the name.
bool is_unit_suffix(const std::string& word) {
  return scale_of_word(word).has_value() || word == "1e6" || word == "1e9" || word == "1e12" ||
         word == "1e18" || is_word_of_bytes(word);
}

// MLflow writes "params." before every setting; others write the parts of a count so.
bool is_setting_of_mlflow(std::string_view column) {
  constexpr std::string_view kFront = "params.";
  if (!column.starts_with(kFront) || column.size() == kFront.size()) return false;
  const std::string words = words_in_name(column.substr(kFront.size()));
  for (const std::string_view part :
       {"total", "all", "count", "active", "trainable", "non*", "nonemb*", "emb*", "unemb*",
        "embedding*", "blocks", "norms"}) {
    if (!holds_word(words, part)) continue;
    return words.find("param") != std::string::npos || words.find("token") != std::string::npos;
  }
  return true;
}

}  // namespace

std::string words_in_name(std::string_view column) {
  std::string out = "_";
  bool was_lower = false;
  for (const char c : column) {
    const auto letter = static_cast<unsigned char>(c);
    const bool upper = std::isupper(letter) != 0;
    if ((upper && was_lower) || (std::isalnum(letter) == 0 && out.back() != '_')) out += '_';
    if (std::isalnum(letter) != 0) out += static_cast<char>(std::tolower(letter));
    was_lower = std::islower(letter) != 0;
  }
  if (out.back() != '_') out += '_';
  return out;
}

bool holds_word(std::string_view words, std::string_view word) {
  const bool begins = word.ends_with('*');
  if (begins) word.remove_suffix(1);
  for (std::size_t at = words.find(word); at != std::string_view::npos;
       at = words.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if (at > 0 && words[at - 1] == '_' && (begins || (end < words.size() && words[end] == '_'))) {
      return true;
    }
  }
  return false;
}

std::string plain_column_name(std::string_view column) {
  column = trimmed(column);
  if (is_setting_of_mlflow(column)) column.remove_prefix(std::string_view("params.").size());
  std::string name;
  int brackets = 0;
  for (const char c : column) {
    if (c == '(' || c == '[') ++brackets;
    if (brackets == 0) {
      const auto letter = static_cast<unsigned char>(c);
      if (std::isalnum(letter)) {
        name += static_cast<char>(std::tolower(letter));
      } else if (!name.empty() && name.back() != '_') {
        name += '_';
      }
    }
    if ((c == ')' || c == ']') && brackets > 0) --brackets;
  }
  while (name.ends_with('_')) name.pop_back();
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view front : {"config_", "summary_metrics_", "summary_", "metrics_",
                                         "results_", "args_", "hparams_", "hyperparameters_"}) {
      if (!name.starts_with(front) || name.size() == front.size()) continue;
      name.erase(0, front.size());
      more = true;
    }
  }
  // The filter that lm-eval writes behind a metric.
  if (name.ends_with("_none") && column.find(",none") != std::string_view::npos) {
    name.resize(name.size() - 5);
  }
  // A unit of several words: "compute_petaflop_s_days".
  for (std::size_t at = name.find('_'); name.ends_with("day") || name.ends_with("days");
       at = name.find('_', at + 1)) {
    if (at == std::string::npos) break;
    if (!scale_of_word(name.substr(at + 1))) continue;
    // "train" alone would name nothing.
    if (!name.starts_with("train") || name.find('_') < at) name.erase(at);
    break;
  }
  const std::size_t last = name.rfind('_');
  // What is counted stays: "num_tokens" is no "num".
  if (last != std::string::npos && last > 0) {
    const std::string word = name.substr(last + 1);
    const bool noun = word.starts_with("token") || word.starts_with("param") ||
                      word.ends_with("flops") || word.ends_with("flop") || word == "nats" ||
                      name.ends_with("_per_" + word);
    // "loss_b" is another loss, not a billion of them.
    const bool loss = name.find("loss") != std::string::npos;
    if (!noun && !loss && is_unit_suffix(word)) name.erase(last);
  }
  return name;
}

bool names_ratio(std::string_view column) {
  const std::string name = plain_column_name(column);
  for (const char* each : {"d_n",
                           "tpp",
                           "tokens_per_param",
                           "tokens_per_params",
                           "ratio",
                           "tokens_per_parameter",
                           "token_per_param",
                           "token_param_ratio",
                           "tokens_param_ratio",
                           "d_over_n",
                           "data_ratio",
                           "tokens_to_params",
                           "tokens_param",
                           "tokens_params",
                           "tok_per_param",
                           "toks_per_param",
                           "tokens_per_n",
                           "tokens_parameter",
                           "token_parameter_ratio",
                           "d_per_n",
                           "d_n_ratio"}) {
    if (name == each) return true;
  }
  return false;
}

std::optional<TokenPiece> piece_of_tokens(std::string_view column) {
  const std::string name = "_" + plain_column_name(column) + "_";
  const auto has = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  for (const char* other : {"token", "len", "size", "per_", "rate", "time", "second"}) {
    if (has(other)) return std::nullopt;
  }
  for (const char* word : {"_step_", "_steps_", "_iter_", "_iters_", "_iteration", "_update"}) {
    if (has(word)) return TokenPiece{"step", "524288"};
  }
  for (const char* word : {"_seq_", "_seqs_", "sequence", "_sample", "_example"}) {
    if (has(word)) return TokenPiece{"sequence", "2048"};
  }
  return std::nullopt;
}

bool names_bytes(std::string_view column) {
  std::string word;
  bool per = false, bytes = false;
  for (const char c : std::string(column) + ' ') {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) != 0) {
      word += static_cast<char>(std::tolower(letter));
      continue;
    }
    bytes = bytes || is_word_of_bytes(word);
    per = per || word == "per" || c == '/';
    word.clear();
  }
  return bytes && !per;
}

std::optional<NamedLogarithm> names_logarithm(std::string_view column) {
  column = trimmed(column);
  std::string lower(column);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::pair<std::string_view, double> fronts[] = {{"log_10", 10},
                                                        {"log10", 10},
                                                        {"lg", 10},
                                                        {"log_2", 2},
                                                        {"log2", 2},
                                                        {"log_e", std::numbers::e},
                                                        {"loge", std::numbers::e},
                                                        {"ln", std::numbers::e},
                                                        {"log", 0}};
  for (const auto& [front, base] : fronts) {
    if (!lower.starts_with(front)) continue;
    std::string_view rest = column.substr(front.size());
    if (rest.empty()) return std::nullopt;
    // "logN", not "login" or "lgbm".
    const bool ends = std::string_view(" _(.[-").find(rest.front()) != std::string_view::npos ||
                      std::isupper(static_cast<unsigned char>(rest.front())) != 0;
    if (!ends) continue;
    const std::size_t open = rest.find_first_not_of(" _(.[-");
    if (open == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(open);
    if (const std::size_t close = rest.find_first_of(")]");
        close != std::string_view::npos && rest.find_first_of("([") > close)
      rest = rest.substr(0, close);
    return NamedLogarithm{base, std::string(rest)};
  }
  return std::nullopt;
}

}  // namespace crosslaw::fit
