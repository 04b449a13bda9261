#include "fit/data/row_filter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>

#include "fit/data/closest_name.h"

namespace crosslaw::fit {
namespace {

// Two-character operators first, so that "<=" is not read as "<".
constexpr std::array<std::string_view, 7> kOperators = {"!=", "<=", ">=", "==", "<", ">", "="};

struct Condition {
  std::string column;
  std::string_view op;
  std::string value;
};

std::optional<double> as_number(std::string_view text, DecimalMark mark) {
  const auto number = read_number(text, mark);
  return number ? std::optional(number->value) : std::nullopt;
}

// 'dataset="c4"', as programming languages write texts.
std::string without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

std::optional<Condition> split_condition(const std::string& text) {
  std::size_t best = std::string::npos;
  std::string_view op;
  for (const std::string_view each : kOperators) {
    const std::size_t at = text.find(each);
    if (at < best) {
      best = at;
      op = each;
    }
  }
  if (best == std::string::npos || best == 0) return std::nullopt;
  return Condition{std::string(trimmed(text.substr(0, best))), op == "==" ? "=" : op,
                   without_quotes(trimmed(text.substr(best + op.size())))};
}

bool holds(const Condition& condition, const std::string& field, DecimalMark mark) {
  const std::optional<double> left = as_number(field, mark);
  const std::optional<double> right = as_number(condition.value, DecimalMark::kPoint);
  const bool both_nan = left && right && std::isnan(*left) && std::isnan(*right);
  const bool equal =
      left && right ? *left == *right || both_nan : trimmed(field) == condition.value;
  if (condition.op == "=") return equal;
  if (condition.op == "!=") return !equal;
  if (!left || !right) return false;
  if (condition.op == "<") return *left < *right;
  if (condition.op == "<=") return *left <= *right;
  if (condition.op == ">") return *left > *right;
  return *left >= *right;
}

Condition checked_condition(const std::string& text) {
  const std::optional<Condition> condition = split_condition(text);
  if (!condition) {
    throw std::invalid_argument(
        fmt::format("filter '{}' is not COLUMN=VALUE (or != < <= > >=)", text));
  }
  const bool compares = condition->op != "=" && condition->op != "!=";
  if (compares && !as_number(condition->value, DecimalMark::kPoint)) {
    const bool several = split_condition(condition->value).has_value();
    throw std::invalid_argument(
        fmt::format("filter '{}': '{}' is no number to compare with, such as 1e9{}", text,
                    condition->value, several ? "; give each condition a --where of its own" : ""));
  }
  return *condition;
}

}  // namespace

std::vector<bool> rows_with(const Records& records, const std::string& text) {
  const Condition condition = checked_condition(text);
  const std::size_t column = records.column(condition.column);
  std::vector<bool> out;
  out.reserve(records.rows.size());
  for (const auto& row : records.rows) {
    out.push_back(holds(condition, row[column], records.mark));
  }
  return out;
}

std::string values_instead(const Records& records, const std::string& text) {
  constexpr std::size_t kMostNamed = 8;
  const std::optional<Condition> condition = split_condition(text);
  if (!condition || condition->op != "=" || !records.has(condition->column)) return "";
  const std::size_t column = records.column(condition->column);
  std::set<std::string> values;
  for (const auto& row : records.rows) {
    const std::string_view value = trimmed(row[column]);
    if (value == condition->value) return "";  // another condition leaves these rows out
    if (!value.empty() && !as_number(value, records.mark)) values.emplace(value);
  }
  const std::vector<std::string> known(values.begin(), values.end());
  if (known.empty()) return "";
  if (const std::string guess = did_you_mean(condition->value, known); !guess.empty()) return guess;
  const std::size_t named = std::min(known.size(), kMostNamed);
  return fmt::format(
      "; '{}' holds {}{}", condition->column,
      fmt::join(known.begin(), known.begin() + static_cast<std::ptrdiff_t>(named), ", "),
      named < known.size() ? fmt::format(" and {} more", known.size() - named) : "");
}

bool number_holds(double value, const std::string& condition) {
  return holds(checked_condition(condition), fmt::format("{}", value), DecimalMark::kPoint);
}

std::string column_of_condition(const std::string& condition) {
  const std::optional<Condition> found = split_condition(condition);
  return found ? found->column : "";
}

bool compares_number(const std::string& condition) {
  const std::optional<Condition> found = split_condition(condition);
  return found && as_number(found->value, DecimalMark::kPoint);
}

}  // namespace crosslaw::fit
