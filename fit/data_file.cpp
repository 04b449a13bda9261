#include "fit/data_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
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

// Reads the kept rows of one file into points.
class PointMaker {
 public:
  PointMaker(const Records& records, const DataFileOptions& options) : records_(records) {
    params_ = records.column(options.params);
    tokens_ = records.column(options.tokens);
    loss_ = records.column(options.loss);
    if (!options.weight.empty()) weight_ = records.column(options.weight);
    if (!options.cluster.empty()) cluster_ = records.column(options.cluster);
    if (!options.stage.empty()) stage_ = records.column(options.stage);
  }

  Point make(std::size_t row, std::vector<std::string>& clusters) {
    Point point;
    point.params = positive_in(records_, row, params_);
    point.tokens = positive_in(records_, row, tokens_);
    point.loss = positive_in(records_, row, loss_);
    if (weight_) point.weight = positive_in(records_, row, *weight_);
    if (stage_) point.stage = stage_in(records_, row, *stage_);
    if (cluster_) {
      const std::string& name = records_.rows[row][*cluster_];
      const auto [found, added] = ids_.try_emplace(name, static_cast<int>(ids_.size()));
      if (added) clusters.push_back(name);
      point.cluster = found->second;
    }
    return point;
  }

 private:
  const Records& records_;
  std::size_t params_, tokens_, loss_;
  std::optional<std::size_t> weight_, cluster_, stage_;
  std::map<std::string, int> ids_;
};

DataFile to_points(const Records& records, const DataFileOptions& options) {
  std::vector<Condition> conditions;
  std::vector<std::size_t> columns;
  for (const std::string& text : options.where) {
    conditions.push_back(parse_condition(text));
    columns.push_back(records.column(conditions.back().column));
  }
  DataFile out;
  out.rows = records.rows.size();
  out.format = records.format;
  PointMaker maker(records, options);
  for (std::size_t row = 0; row < records.rows.size(); ++row) {
    bool keep = true;
    for (std::size_t k = 0; k < conditions.size(); ++k) {
      keep = keep && holds(conditions[k], records.rows[row][columns[k]]);
    }
    if (keep) out.points.push_back(maker.make(row, out.clusters));
  }
  if (out.points.empty()) {
    throw std::invalid_argument(fmt::format("{}: none of {} rows has {}", records.name, out.rows,
                                            fmt::join(options.where, " and ")));
  }
  return out;
}

std::vector<std::string> wanted_columns(const DataFileOptions& options) {
  return {options.params, options.tokens, options.loss};
}

}  // namespace

DataFile read_data_file(const DataFileOptions& options) {
  return parse_data(read_text(options.path), options);
}

DataFile parse_data(std::string_view text, const DataFileOptions& options) {
  DataFile out = to_points(parse_records(text, options.path, wanted_columns(options)), options);
  out.fingerprint = fingerprint(text);
  return out;
}

}  // namespace crosslaw::fit
