#include "fit/data/column_role.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <utility>

namespace crosslaw::fit {
namespace {

using Names = std::initializer_list<std::string_view>;

constexpr std::size_t kCellsTried = 20;  // before a column counts as one of numbers
constexpr int kListed = 1000;            // ranks of the lists, the first name highest
constexpr int kLast = kListed / 2;       // of a listed name behind a path, "model.N"
constexpr int kHolds = 100;              // rank of a name that only holds the word
constexpr int kTrained = 60;             // of a training loss
constexpr int kLetter = 40;              // of L, which may also count layers
constexpr int kLogarithm = 50;           // of a listed name whose logarithm the column holds

// As plain_column_name() gives them, the likeliest first.
const Names kParams = {"n",
                       "params",
                       "n_params",
                       "num_params",
                       "nparams",
                       "parameters",
                       "num_parameters",
                       "n_parameters",
                       "number_of_parameters",
                       "total_params",
                       "params_total",
                       "total_parameters",
                       "model_params",
                       "model_parameters",
                       "model_n_params",
                       "param_count",
                       "parameter_count",
                       "params_count",
                       "trainable_params",
                       "trainable_parameters",
                       "model_size",
                       "model_size_params",
                       "n_model_params",
                       "nominal_params",
                       "non_embedding_params",
                       "params_non_embedding",
                       "n_non_embedding",
                       "num_params_non_embedding",
                       "non_emb_params",
                       "nonemb_params",
                       "n_total",
                       "total_n",
                       "n_nonemb",
                       "n_non_emb",
                       "n_active",
                       "active_params",
                       "params_active",
                       "size"};
const Names kTokens = {"d",
                       "tokens",
                       "n_tokens",
                       "num_tokens",
                       "ntokens",
                       "total_tokens",
                       "tokens_total",
                       "number_of_tokens",
                       "training_tokens",
                       "train_tokens",
                       "num_train_tokens",
                       "num_training_tokens",
                       "n_train_tokens",
                       "tokens_seen",
                       "tokens_trained",
                       "seen_tokens",
                       "consumed_tokens",
                       "tokens_consumed",
                       "train_tokens_seen",
                       "throughput_total_tokens",
                       "token_count",
                       "tokens_target",
                       "data_tokens",
                       "dataset_tokens",
                       "dataset_size",
                       "data_size",
                       "data"};
const Names kLoss = {"val_loss",
                     "valid_loss",
                     "validation_loss",
                     "eval_loss",
                     "test_loss",
                     "final_val_loss",
                     "final_eval_loss",
                     "final_validation_loss",
                     "loss_val",
                     "loss_valid",
                     "loss_validation",
                     "loss_eval",
                     "loss_test",
                     "dev_loss",
                     "heldout_loss",
                     "held_out_loss",
                     "test_nll",
                     "eval_nll",
                     "val_xent",
                     "loss",
                     "final_loss",
                     "loss_final",
                     "loss_nats",
                     "val_loss_final",
                     "best_val_loss",
                     "lm_loss",
                     "eval_lm_loss",
                     "val_lm_loss",
                     "cross_entropy",
                     "val_cross_entropy",
                     "ce_loss",
                     "ce",
                     "eval_ce_loss",
                     "val_ce",
                     "xent",
                     "nll",
                     "val_nll",
                     "bits_per_token",
                     "val_bits_per_token",
                     "bpt",
                     "smooth_loss",
                     "lm_loss_validation",
                     "val_bpb",
                     "bpb",
                     "eval_bpb",
                     "bits_per_byte",
                     "bpc",
                     "val_ppl",
                     "eval_ppl",
                     "ppl",
                     "perplexity",
                     "val_perplexity",
                     "eval_perplexity",
                     "valid_ppl",
                     "test_ppl",
                     "test_perplexity",
                     "valid_perplexity",
                     "perp",
                     "test_perp",
                     "val_perp",
                     "eval_perp",
                     "valid_perp"};
const Names kCompute = {"c",
                        "flops",
                        "compute",
                        "flop",
                        "total_flops",
                        "total_flos",
                        "flos",
                        "train_flos",
                        "flops_total",
                        "train_flops",
                        "training_flops",
                        "training_flop",
                        "training_compute",
                        "train_compute",
                        "total_compute",
                        "compute_flops",
                        "budget",
                        "flop_budget",
                        "flops_budget",
                        "compute_budget"};

// Words in names that hold the word of a role and are something else.
const Names kNotParams = {"per_param*",   "params_embedding", "params_unembedding",
                          "params_norms", "params_budget",    "flop*",
                          "token*",       "ratio*",           "share*",
                          "log*",         "teacher*"};
const Names kNotTokens = {
    "per",    "ratio*",    "unique*", "distinct*", "batch*",  "vocab*", "log*",        "context*",
    "share*", "fraction*", "source*", "speed*",    "rate*",   "epoch*", "tokenizer*",  "warmup*",
    "warm",   "valid*",    "val",     "eval*",     "prompt*", "plan*",  "completion*", "inference"};
const Names kNotLoss = {"per_byte", "scale*",    "scaling", "weight*", "std*",    "err*",
                        "se",       "log",       "ratio*",  "min",     "minimum", "max",
                        "maximum",  "aux*",      "z_loss",  "balanc*", "spike*",  "router*",
                        "teacher*", "baseline*", "initial", "init"};
const Names kNotCompute = {"log*"};
// Throughput, hours and money, whatever else the name holds.
const Names kNeverCompute = {"per",  "sec", "second*", "hour*", "mfu",   "hfu",   "util*", "peak*",
                             "gpu*", "usd", "dollar*", "eur",   "euro*", "cost*", "price*"};

const Names& listed(Role role) {
  switch (role) {
    case Role::kParams:
      return kParams;
    case Role::kTokens:
      return kTokens;
    case Role::kLoss:
      return kLoss;
    case Role::kCompute:
      break;
  }
  return kCompute;
}

bool holds_any(std::string_view words, const Names& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return holds_word(words, part); });
}

// `name` as plain_column_name() gives it, `words` as words_in_name() does.
bool holds_role(const std::string& name, const std::string& words, Role role) {
  const auto holds = [&](const char* noun, const Names& others) {
    return name.find(noun) != std::string::npos && !holds_any(words, others);
  };
  switch (role) {
    case Role::kParams:
      return holds("param", kNotParams);
    case Role::kTokens:
      return holds("token", kNotTokens);
    case Role::kLoss:
      return holds("loss", kNotLoss);
    case Role::kCompute:
      break;
  }
  return holds("flop", kNotCompute);
}

bool is_never_compute(std::string_view column, const std::string& words) {
  // "FLOP/s" is a speed, "PFLOP/s-days" are not.
  const bool speed = holds_word(words, "s") && words.find("day") == std::string::npos;
  return speed || column.find('$') != std::string_view::npos || holds_any(words, kNeverCompute);
}

bool holds_numbers(const Records& records, std::size_t column) {
  std::size_t tried = 0, numbers = 0;
  for (const auto& row : records.rows) {
    if (is_missing(row[column])) continue;
    if (++tried > kCellsTried) break;
    numbers += read_number(row[column], records.mark) ? 1 : 0;
  }
  // One bad cell must not hide the column: its message names the line.
  return numbers > 0 && 2 * numbers >= std::min(tried, kCellsTried);
}

}  // namespace

std::string_view usual_column(Role role) {
  switch (role) {
    case Role::kParams:
      return "N";
    case Role::kTokens:
      return "D";
    case Role::kLoss:
      return "loss";
    case Role::kCompute:
      break;
  }
  return "C";
}

namespace {

// The rank among the names of a role; 0: it is none of them.
int listed_rank(const std::string& name, Role role) {
  int rank = kListed;
  for (const std::string_view each : listed(role)) {
    if (name == each) return rank;
    --rank;
  }
  return 0;
}

}  // namespace

int role_rank(std::string_view column, Role role) {
  // Of losses that of a text held out is meant, where there is one.
  if (column == usual_column(role) && role != Role::kLoss) return 2 * kListed;
  const std::string name = plain_column_name(column);
  const std::string words = words_in_name(column);
  if (role == Role::kCompute && is_never_compute(column, words)) return 0;
  // Of training text only where there is nothing else.
  const bool trained = role == Role::kLoss && name.find("train") != std::string::npos;
  if (trained && holds_role(name, words, role)) return kTrained;
  if (const int rank = listed_rank(name, role); rank > 0) return rank;
  if (role == Role::kLoss && name == "l") return kLetter;
  if (const auto logarithm = names_logarithm(column)) {
    // "log loss" is a name of the loss itself; only a base makes it a logarithm.
    const bool known = role != Role::kLoss || logarithm->base > 0;
    return known && role_rank(logarithm->of, role) > 0 ? kLogarithm : 0;
  }
  if (role == Role::kCompute) {  // "gflops", "train_pflops": the unit is the name
    std::string_view unit = name;
    if (unit.starts_with("train_")) unit.remove_prefix(6);
    const bool days = unit.ends_with("day") || unit.ends_with("days");
    if (days && scale_of_word(unit)) return kListed / 2;
    for (const char* each : {"gflops", "tflops", "pflops", "eflops", "zflops"}) {
      if (unit == each) return kListed / 2;
    }
  }
  if (const std::size_t dot = column.rfind('.'); dot != std::string_view::npos) {
    if (listed_rank(plain_column_name(column.substr(dot + 1)), role) > 0) return kLast;
  }
  // "eval_c4_loss" says less than "eval_loss"; where several do, the user must.
  return holds_role(name, words, role) && !names_ratio(column) ? kHolds : 0;
}

bool names_some_role(std::string_view column) {
  for (const Role role : {Role::kParams, Role::kTokens, Role::kLoss, Role::kCompute}) {
    if (role_rank(column, role) > 0) return true;
  }
  return false;
}

std::optional<std::string> unusable_column(const Records& records, Role role) {
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    if (listed_rank(plain_column_name(records.columns[c]), role) == 0) continue;
    const auto some = std::find_if(records.rows.begin(), records.rows.end(),
                                   [&](const auto& row) { return !is_missing(row[c]); });
    if (some != records.rows.end()) return records.columns[c];
  }
  return std::nullopt;
}

bool has_twin_s(const Records& records, std::string_view column) {
  if (!column.ends_with("_t") && !column.ends_with("_T")) return false;
  const std::string stem(column.substr(0, column.size() - 1));
  return records.has(stem + "s") || records.has(stem + "S");
}

std::optional<ColumnGuess> guess_column(const Records& records, Role role, std::string_view flag,
                                        const std::vector<std::string>& taken) {
  std::vector<std::pair<int, std::string>> found;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    if (std::find(taken.begin(), taken.end(), records.columns[c]) != taken.end()) continue;
    // Of tokens "_t" and "_s" may be target and source.
    if (role == Role::kParams && has_twin_s(records, records.columns[c])) continue;
    const int rank = role_rank(records.columns[c], role);
    const bool usual = records.columns[c] == usual_column(role);
    if (rank > 0 && !names_bytes(records.columns[c]) && (usual || holds_numbers(records, c)))
      found.emplace_back(rank, records.columns[c]);
  }
  if (found.empty()) return std::nullopt;
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  ColumnGuess out{found.front().second, {}};
  std::vector<std::string> equals;
  for (const auto& [rank, column] : found) {
    if (rank == found.front().first) equals.push_back(column);
    if (column != out.column) out.others.push_back(column);
  }
  // "loss" beside "Loss": the one in the usual spelling.
  const auto usual = std::find(equals.begin(), equals.end(), usual_column(role));
  if (usual != equals.end()) {
    std::replace(out.others.begin(), out.others.end(), *usual, out.column);
    out.column = *usual;
    return out;
  }
  if (equals.size() > 1 && equals[0] != equals[1]) {
    throw std::invalid_argument(
        fmt::format("{}: each of the columns {} could be meant; say which: {} '{}'", records.name,
                    fmt::join(equals, ", "), flag, equals.front()));
  }
  return out;
}

}  // namespace crosslaw::fit
