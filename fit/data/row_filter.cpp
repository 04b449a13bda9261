#include "fit/data/row_filter.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <optional>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

// Two-character operators first, so that "<=" is not read as "<".
constexpr std::array<std::string_view, 6> kOperators = {"!=", "<=", ">=", "<", ">", "="};

struct Condition {
  std::string column;
  std::string_view op;
  std::string value;
};

std::optional<double> as_number(std::string_view text, DecimalMark mark) {
  const auto number = read_number(text, mark);
  return number ? std::optional(number->value) : std::nullopt;
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
  return Condition{std::string(trimmed(text.substr(0, best))), op,
                   std::string(trimmed(text.substr(best + op.size())))};
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
    throw std::invalid_argument(
        fmt::format("filter '{}': '{}' is no number to compare with, such "
                    "as 1e9",
                    text, condition->value));
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

bool number_holds(double value, const std::string& condition) {
  return holds(checked_condition(condition), fmt::format("{}", value), DecimalMark::kPoint);
}

std::string column_of_condition(const std::string& condition) {
  const std::optional<Condition> found = split_condition(condition);
  return found ? found->column : "";
}

}  // namespace crosslaw::fit
