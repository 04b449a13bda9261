#include "fit/data/column_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "fit/data/plausibility.h"
#include "fit/data/units.h"

namespace crosslaw::fit {
namespace {

// The numbers of a column in its header's unit. Empty: logarithms, or none.
std::vector<double> numbers_of(const Records& records, const std::string& column) {
  const CountUnit unit = count_unit_in_header(column);
  std::vector<double> out;
  if (unit.logarithm || unit.per_param) return out;
  const std::size_t c = records.column(column);
  for (const auto& row : records.rows) {
    const auto number = read_number(row[c], records.mark);
    if (!number || !std::isfinite(number->value)) continue;
    out.push_back(number->value * (number->scaled ? 1 : unit.factor));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::pair<double, double> plausible_range(Role role) {
  switch (role) {
    case Role::kParams:
      return {kFewestParams, kMostParams};
    case Role::kTokens:
      return {kFewestTokens, kMostTokens};
    case Role::kLoss:
      return {0, HUGE_VAL};
    case Role::kCompute:
      break;
  }
  return {6 * kFewestParams * kFewestTokens, 6 * kMostParams * kMostTokens};
}

bool are_plausible(const std::vector<double>& sorted, Role role) {
  if (sorted.empty()) return false;
  const auto [low, high] = plausible_range(role);
  const double median = sorted[sorted.size() / 2];
  return median >= low && median <= high;
}

// How many different texts a column has, of pairs with another where that is named.
std::size_t count_different(const Records& records, const std::string& column,
                            const std::string& beside = "") {
  const std::size_t a = records.column(column);
  const std::size_t b = beside.empty() ? a : records.column(beside);
  std::set<std::pair<std::string, std::string>> out;
  for (const auto& row : records.rows) out.emplace(row[a], row[b]);
  return out.size();
}

// Several rows of each N have the same tokens by one column, and other tokens by the other.
bool are_planned(const Records& records, const std::string& planned, const std::string& seen,
                 const std::string& params) {
  if (!records.has(params)) return false;
  const std::size_t sizes = count_different(records, params);
  return 2 * sizes <= records.rows.size() && count_different(records, params, planned) == sizes &&
         count_different(records, params, seen) >= 2 * sizes;
}

}  // namespace

ColumnGuess column_by_numbers(const Records& records, Role role, ColumnGuess guess,
                              const std::string& params) {
  const std::vector<double> first = numbers_of(records, guess.column);
  const bool letter = plain_column_name(guess.column).size() == 1 && records.units.empty();
  const bool odd = letter && !first.empty() && !are_plausible(first, role);
  for (std::string& other : guess.others) {
    const bool planned = role == Role::kTokens && are_planned(records, guess.column, other, params);
    if ((!odd && !planned) || !are_plausible(numbers_of(records, other), role)) continue;
    guess.passed = odd ? fmt::format("'{}' goes from {:.4g} to {:.4g}", guess.column, first.front(),
                                     first.back())
                       : fmt::format("'{}' is the same for all rows of an N", guess.column);
    std::swap(guess.column, other);
    break;
  }
  return guess;
}

std::vector<std::string> taken_columns(const Records& records, const DataFileOptions& options) {
  std::vector<std::string> out;
  for (const std::string* each :
       {&options.params, &options.tokens, &options.loss, &options.compute, &options.unique,
        &options.base_tokens, &options.loss_before, &options.ratio, &options.replay}) {
    if (each->empty()) continue;
    out.push_back(*each);
    if (!records.has(*each)) {
      for (std::string& part : split_sum(*each)) out.push_back(std::move(part));
    }
  }
  return out;
}

}  // namespace crosslaw::fit
