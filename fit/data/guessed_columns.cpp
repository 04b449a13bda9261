#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/data/column_choice.h"
#include "fit/data/column_role.h"
#include "fit/data/data_file.h"
#include "fit/data/token_pieces.h"

namespace crosslaw::fit {
namespace {

constexpr const char* kExportParams =
    "params_embedding+params_unembedding+params_blocks+params_norms";

// What crosslaw export writes.
bool is_export(const Records& records) {
  for (const char* column :
       {"strategy", "language", "params_embedding", "params_unembedding", "params_blocks",
        "params_norms", "tokens_target", "loss_nats", "end_of_schedule"}) {
    if (!records.has(column)) return false;
  }
  return true;
}

bool filters(const DataFileOptions& options, const std::string& column) {
  return std::any_of(options.where.begin(), options.where.end(),
                     [&](const std::string& each) { return column_of_condition(each) == column; });
}

// The language with the most continued rows, else the most rows: a law is of one language.
std::string main_language(const Records& records) {
  const std::size_t column = records.column("language");
  const bool stages = records.has("stage");
  std::map<std::string, std::pair<std::size_t, std::size_t>> counts;
  for (const auto& row : records.rows) {
    auto& [continued, all] = counts[row[column]];
    continued += stages && row[records.column("stage")] == "continued" ? 1 : 0;
    ++all;
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return counts.size() > 1 ? most->first : "";
}

void take_export(const Records& records, DataFileOptions& options,
                 std::vector<std::string>& notes) {
  if (options.params.empty()) options.params = kExportParams;
  if (options.tokens.empty()) options.tokens = "tokens_target";
  if (options.loss.empty()) options.loss = "loss_nats";
  const bool filtered = !options.where.empty();
  if (options.cluster.empty() && records.has("run")) options.cluster = "run";
  if (!filters(options, "end_of_schedule")) options.where.push_back("end_of_schedule=1");
  std::string language;
  if (!filters(options, "language") && !filters(options, "strategy")) {
    language = main_language(records);
  }
  if (!language.empty()) options.where.push_back("language=" + language);
  if (options.stage.empty() && !filtered && records.has("stage")) {
    const std::size_t stage = records.column("stage"), of = records.column("language");
    std::set<std::string> stages;
    for (const auto& row : records.rows) {
      if (language.empty() || row[of] == language) stages.insert(row[stage]);
    }
    if (stages.size() == 2) options.stage = "stage";
  }
  notes.push_back(fmt::format("as crosslaw export writes it: rows with {}{}; --where takes others",
                              fmt::join(options.where, " and "),
                              options.stage.empty() ? "" : ", scratch and continued by 'stage'"));
}

class Guesser {
 public:
  Guesser(const Records& records, DataFileOptions& options)
      : records_(records), options_(options) {}

  void guess(std::vector<std::string>& notes) {
    if (options_.params.empty() && !take_derived_params()) {
      take(Role::kParams, "--params", "N", options_.params);
    }
    if (options_.tokens.empty()) take_tokens();
    take(Role::kLoss, "--loss", "loss", options_.loss);
    if (!told_) return;
    notes.push_back(fmt::format("taken: {}; --params, --tokens and --loss take others",
                                fmt::join(said_, ", ")));
  }

 private:
  // By names and numbers; a flag that says a unit speaks of the column that its name says.
  std::optional<ColumnGuess> guessed(Role role, const char* flag) const {
    auto out = guess_column(records_, role, flag, taken_columns(records_, options_));
    const std::string& unit = role == Role::kParams   ? options_.params_unit
                              : role == Role::kTokens ? options_.tokens_unit
                                                      : options_.flops_unit;
    if (!out || !unit.empty()) return out;
    return column_by_numbers(records_, role, std::move(*out), options_.params);
  }

  std::optional<std::string> compute_column() const {
    if (!options_.compute.empty()) return options_.compute;
    const auto found = guessed(Role::kCompute, "--compute");
    return found ? std::optional(found->column) : std::nullopt;
  }

  // "ratio" may also be the width of an MLP: not D/N where compute tells the tokens.
  static bool may_be_other_ratio(const std::string& column) {
    return plain_column_name(column) == "ratio";
  }

  void take(Role role, const char* flag, const char* what, std::string& column) {
    if (!column.empty()) return;
    const auto found = guessed(role, flag);
    if (!found) {
      if (role == Role::kLoss) refuse_log_loss();
      // The reading of its first cell says what is wrong, and where.
      if (const auto text = unusable_column(records_, role)) {
        column = *text;
        return;
      }
      throw std::invalid_argument(fmt::format(
          "{}: no column looks like {} ({}); the file ({}) has: {}; say which: {} COLUMN",
          records_.name, role == Role::kLoss ? "the loss" : "the number of parameters",
          role == Role::kLoss ? "such as loss, val_loss, eval/loss"
                              : "such as N, params, n_params, 'Params (M)'",
          records_.format, fmt::join(records_.columns, ", "), flag));
    }
    column = found->column;
    say(what, column, *found);
    told_ = told_ || column != usual_column(role) || !found->others.empty();
  }

  // What no column holds may follow from two others. False: some column holds N, or nothing does.
  bool take_derived_params() {
    if (guessed(Role::kParams, "--params")) return false;
    const auto tokens = options_.tokens.empty() ? guessed(Role::kTokens, "--tokens")
                                                : ColumnGuess{options_.tokens, {}, ""};
    if (!tokens || names_ratio(tokens->column)) return false;
    const auto ratio = std::find_if(records_.columns.begin(), records_.columns.end(), names_ratio);
    const auto compute = compute_column();
    if (ratio != records_.columns.end() && !(compute && may_be_other_ratio(*ratio))) {
      options_.params = kParamsByRatio;
      said_.push_back(fmt::format("N = D divided by '{}', for no column holds parameters", *ratio));
    } else if (compute) {
      options_.compute = *compute;
      options_.params = kParamsByCompute;
      said_.push_back(
          fmt::format("N = C/(6D) with C = '{}', for no column holds parameters", *compute));
    } else {
      return false;
    }
    return told_ = true;
  }

  // Cross entropy is called log loss, too.
  void refuse_log_loss() const {
    for (const std::string& column : records_.columns) {
      const auto logarithm = names_logarithm(column);
      if (!logarithm || logarithm->base > 0 || role_rank(logarithm->of, Role::kLoss) == 0) continue;
      throw std::invalid_argument(
          fmt::format("{}: '{}' may be the loss itself, for cross entropy is called log loss, or "
                      "its logarithm; "
                      "say --loss '{}', and of a logarithm also --loss-unit ln or log10",
                      records_.name, column, column));
    }
  }

  void say(const char* what, const std::string& column, const ColumnGuess& found) {
    std::string other;
    if (!found.passed.empty()) {
      other = fmt::format(" ({})", found.passed);
    } else if (!found.others.empty()) {
      other = fmt::format(" (also there: {})", fmt::join(found.others, ", "));
    }
    said_.push_back(fmt::format("{} = '{}'{}", what, column, other));
  }

  void take_tokens() {
    if (const auto found = guessed(Role::kTokens, "--tokens")) {
      options_.tokens = found->column;
      say("D", found->column, *found);
      told_ = told_ || found->column != usual_column(Role::kTokens) || !found->others.empty();
      return;
    }
    told_ = true;
    const std::optional<std::string> compute = compute_column();
    for (const std::string& column : records_.columns) {
      if (!names_ratio(column) || (compute && may_be_other_ratio(column))) continue;
      options_.tokens = column;
      said_.push_back(fmt::format("D = N times '{}'", column));
      return;
    }
    if (!compute) {
      if (const auto text = unusable_column(records_, Role::kTokens)) {
        options_.tokens = *text;
        return;
      }
      throw std::invalid_argument(fmt::format(
          "{}: no column looks like the number of tokens (such as D, tokens, n_tokens, "
          "'Tokens (B)') or the compute; the file ({}) has: {}; say which: --tokens COLUMN{}",
          records_.name, records_.format, fmt::join(records_.columns, ", "), tokens_by_pieces()));
    }
    options_.compute = *compute;
    options_.tokens = kTokensByCompute;
    said_.push_back(fmt::format("D = C/(6N) with C = '{}', for no column holds tokens", *compute));
  }

  // Steps and sequences are some tokens each.
  std::string tokens_by_pieces() const {
    for (const std::string& column : records_.columns) {
      const auto piece = piece_of_tokens(column);
      if (!piece) continue;
      return fmt::format("; or, of tokens a {}: --tokens '{}' {}", piece->name, column,
                         tokens_of_piece(records_, column, *piece));
    }
    return "";
  }

  const Records& records_;
  DataFileOptions& options_;
  std::vector<std::string> said_;
  bool told_ = false;
};

}  // namespace

DataFileOptions with_guessed_columns(const Records& records, DataFileOptions options,
                                     std::vector<std::string>& notes) {
  if (is_export(records) &&
      (options.params.empty() || options.tokens.empty() || options.loss.empty())) {
    take_export(records, options, notes);
  }
  Guesser(records, options).guess(notes);
  return options;
}

}  // namespace crosslaw::fit
