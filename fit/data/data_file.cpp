#include "fit/data/data_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
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

std::optional<double> as_number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Condition parse_condition(const std::string& text) {
  std::size_t best = std::string::npos;
  std::string_view op;
  for (const std::string_view each : kOperators) {
    const std::size_t at = text.find(each);
    if (at < best) {
      best = at;
      op = each;
    }
  }
  if (best == std::string::npos || best == 0) {
    throw std::invalid_argument(
        fmt::format("filter '{}' is not COLUMN=VALUE (or != < <= > >=)", text));
  }
  return {text.substr(0, best), op, text.substr(best + op.size())};
}

std::vector<std::string> split_sum(const std::string& sum) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at <= sum.size()) {
    const std::size_t end = std::min(sum.find('+', at), sum.size());
    out.push_back(sum.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool holds(const Condition& condition, const std::string& field) {
  const std::optional<double> left = as_number(field);
  const std::optional<double> right = as_number(condition.value);
  const bool both_nan = left && right && std::isnan(*left) && std::isnan(*right);
  const bool equal = left && right ? *left == *right || both_nan : field == condition.value;
  if (condition.op == "=") return equal;
  if (condition.op == "!=") return !equal;
  if (!left || !right) return false;
  if (condition.op == "<") return *left < *right;
  if (condition.op == "<=") return *left <= *right;
  if (condition.op == ">") return *left > *right;
  return *left >= *right;
}

double positive_in(const Records& records, std::size_t row, std::size_t column) {
  const double value = number_in(records, row, column);
  if (value > 0) return value;
  throw std::invalid_argument(
      fmt::format("{}, line {}: column '{}' is {}, expected a number above 0", records.name,
                  records.lines[row], records.columns[column], value));
}

Stage stage_in(const Records& records, std::size_t row, std::size_t column) {
  const std::string& text = records.rows[row][column];
  if (text == "scratch") return Stage::kScratch;
  if (text == "continued" || text == "cpt") return Stage::kContinued;
  throw std::invalid_argument(
      fmt::format("{}, line {}: column '{}' is '{}', expected scratch or continued", records.name,
                  records.lines[row], records.columns[column], text.substr(0, 60)));
}

double sum_in(const Records& records, std::size_t row, const std::vector<std::size_t>& columns) {
  if (columns.size() == 1) return positive_in(records, row, columns.front());
  double out = 0;
  for (const std::size_t column : columns) {
    // A tied head has no parameters of its own: a part may be 0, the sum may not.
    const double part = number_in(records, row, column);
    out += part == 0 ? 0 : positive_in(records, row, column);
  }
  if (!std::isfinite(out)) {
    throw std::invalid_argument(fmt::format("{}, line {}: the sum of {} columns is beyond a double",
                                            records.name, records.lines[row], columns.size()));
  }
  if (out > 0) return out;
  throw std::invalid_argument(fmt::format("{}, line {}: the columns summed from '{}' on are all 0",
                                          records.name, records.lines[row],
                                          records.columns[columns.front()]));
}

// Reads the kept rows of one file into points.
class PointMaker {
 public:
  PointMaker(const Records& records, const DataFileOptions& options) : records_(records) {
    params_ = summed_columns(records, options.params);
    tokens_ = records.column(options.tokens);
    loss_ = records.column(options.loss);
    if (!options.weight.empty()) weight_ = records.column(options.weight);
    if (!options.cluster.empty()) cluster_ = summed_columns(records, options.cluster);
    if (!options.stage.empty()) stage_ = records.column(options.stage);
    if (!options.unique.empty()) unique_ = records.column(options.unique);
    if (!options.compute.empty()) compute_ = records.column(options.compute);
  }

  Point make(std::size_t row, std::vector<std::string>& clusters) {
    Point point;
    point.params = sum_in(records_, row, params_);
    point.tokens = positive_in(records_, row, tokens_);
    point.loss = positive_in(records_, row, loss_);
    if (weight_) point.weight = positive_in(records_, row, *weight_);
    if (stage_) point.stage = stage_in(records_, row, *stage_);
    if (unique_) point.unique_tokens = positive_in(records_, row, *unique_);
    if (compute_) point.flops = positive_in(records_, row, *compute_);
    if (!cluster_.empty()) {
      std::string name = records_.rows[row][cluster_.front()];
      for (std::size_t k = 1; k < cluster_.size(); ++k) {
        name += "+" + records_.rows[row][cluster_[k]];
      }
      const auto [found, added] = ids_.try_emplace(name, static_cast<int>(ids_.size()));
      if (added) clusters.push_back(name);
      point.cluster = found->second;
    }
    return point;
  }

 private:
  const Records& records_;
  std::vector<std::size_t> params_, cluster_;
  std::size_t tokens_, loss_;
  std::optional<std::size_t> weight_, stage_, unique_, compute_;
  std::map<std::string, int> ids_;
};

DataFile to_points(const Records& records, const DataFileOptions& options) {
  std::vector<bool> keep(records.rows.size(), true);
  for (const std::string& text : options.where) {
    const std::vector<bool> with = rows_with(records, text);
    std::transform(keep.begin(), keep.end(), with.begin(), keep.begin(), std::logical_and<>());
  }
  DataFile out;
  out.rows = records.rows.size();
  out.format = records.format;
  PointMaker maker(records, options);
  for (std::size_t row = 0; row < records.rows.size(); ++row) {
    if (!keep[row]) continue;
    out.points.push_back(maker.make(row, out.clusters));
    out.lines.push_back(records.lines[row]);
  }
  if (out.points.empty()) {
    throw std::invalid_argument(fmt::format("{}: none of {} rows has {}", records.name, out.rows,
                                            fmt::join(options.where, " and ")));
  }
  return out;
}

std::vector<std::string> wanted_columns(const DataFileOptions& options) {
  std::vector<std::string> out = split_sum(options.params);
  out.insert(out.end(), {options.tokens, options.loss});
  return out;
}

}  // namespace

std::vector<std::size_t> summed_columns(const Records& records, const std::string& sum) {
  std::vector<std::size_t> out;
  for (const std::string& name : records.has(sum) ? std::vector{sum} : split_sum(sum)) {
    out.push_back(records.column(name));
  }
  return out;
}

std::vector<bool> rows_with(const Records& records, const std::string& text) {
  const Condition condition = parse_condition(text);
  const std::size_t column = records.column(condition.column);
  std::vector<bool> out;
  for (const auto& row : records.rows) out.push_back(holds(condition, row[column]));
  return out;
}

DataFile read_data_file(const DataFileOptions& options) {
  return parse_data(read_text(options.path), options);
}

DataFile parse_data(std::string_view text, const DataFileOptions& options) {
  DataFile out = to_points(parse_records(text, options.path, wanted_columns(options)), options);
  out.fingerprint = fingerprint(text);
  return out;
}

}  // namespace crosslaw::fit
