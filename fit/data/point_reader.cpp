#include "fit/data/point_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "fit/data/column_role.h"

namespace crosslaw::fit {
namespace {

std::string unit_of_row(const Records& records, std::size_t column) {
  return records.units.empty() ? "" : records.units[column];
}

// How many parameters or tokens are in so many bytes no column says.
void refuse_bytes(const Records& records, std::size_t column, const char* flag, bool of_tokens) {
  const std::string& name = records.columns[column];
  if (*flag == '\0' || !names_bytes(name + " " + unit_of_row(records, column))) return;
  throw std::invalid_argument(fmt::format(
      "{}: column '{}' is in bytes; {}, so write a column of the {} themselves (what one unit "
      "holds can be said, too: {} NUMBER)",
      records.name, name,
      of_tokens ? "how many bytes a token has depends on text and tokenizer (about 4 of English)"
                : "how many bytes a parameter has depends on the precision (2 in bf16, 4 in fp32)",
      of_tokens ? "tokens" : "parameters", flag));
}

Measured measured(const Records& records, const std::string& sum, const char* flag,
                  const std::string& unit, bool of_tokens) {
  Measured out;
  out.columns = summed_columns(records, sum);
  for (const std::size_t column : out.columns) {
    if (unit.empty()) refuse_bytes(records, column, flag, of_tokens);
    CountUnit one = !unit.empty() ? parse_count_unit(flag, unit, of_tokens)
                    : has_twin_s(records, records.columns[column])
                        ? CountUnit{}
                        : count_unit_in_header(records.columns[column]);
    if (unit.empty() && !unit_of_row(records, column).empty()) {
      one = count_unit_in_header(fmt::format("({})", records.units[column]));
    }
    if (one.logarithm && one.log_base == 0) {
      throw std::invalid_argument(
          fmt::format("{}: column '{}' holds logarithms; say to which base: {} log10 or {} ln",
                      records.name, records.columns[column], flag, flag));
    }
    out.units.push_back(one);
  }
  return out;
}

// Unique and base tokens are counted as D is, unless their own header or row of units says more.
// What --tokens-unit says of a ratio or a logarithm is of the column of D alone.
Measured measured_as_tokens(const Records& records, const std::string& sum,
                            const std::string& tokens_unit) {
  if (tokens_unit.empty()) return measured(records, sum, "", "", true);
  const CountUnit of_tokens = parse_count_unit("--tokens-unit", tokens_unit, true);
  bool says_itself = of_tokens.per_param || of_tokens.logarithm;
  for (const std::size_t column : summed_columns(records, sum)) {
    const CountUnit own = count_unit_in_header(records.columns[column]);
    says_itself = says_itself || !unit_of_row(records, column).empty() ||
                  !own.from_header.empty() || own.per_param || own.logarithm;
  }
  return measured(records, sum, "", says_itself ? "" : tokens_unit, true);
}

[[noreturn]] void refuse_value(const Records& records, std::size_t row, std::size_t column,
                               const std::string& what) {
  throw std::invalid_argument(fmt::format("{}, {}: column '{}' is {}", records.name,
                                          records.place(row), records.columns[column], what));
}

double positive_in(const Records& records, std::size_t row, std::size_t column) {
  const double value = number_in(records, row, column);
  if (value > 0) return value;
  refuse_value(records, row, column, fmt::format("{}, expected a number above 0", value));
}

double part_in(const Records& records, std::size_t row, std::size_t column, const CountUnit& unit) {
  if (unit.logarithm) return std::pow(unit.log_base, number_in(records, row, column));
  // A tied head has no parameters of its own: a part may be 0, the sum may not.
  const double value = number_in(records, row, column);
  if (value == 0) return 0;
  const double positive = positive_in(records, row, column);
  if (unit.factor == 1) return positive;
  const auto written = read_number(records.rows[row][column], records.mark);
  return written && written->scaled ? positive : positive * unit.factor;
}

Stage stage_in(const Records& records, std::size_t row, std::size_t column) {
  const std::string text = text_in(records, row, column);
  if (text == "scratch") return Stage::kScratch;
  if (text == "continued" || text == "cpt") return Stage::kContinued;
  refuse_value(records, row, column,
               fmt::format("'{}', expected scratch or continued", text.substr(0, 60)));
}

double sum_in(const Records& records, std::size_t row, const Measured& what) {
  if (what.columns.size() == 1) {
    if (!what.units[0].logarithm) positive_in(records, row, what.columns[0]);
    return part_in(records, row, what.columns[0], what.units[0]);
  }
  double out = 0;
  for (std::size_t k = 0; k < what.columns.size(); ++k) {
    out += part_in(records, row, what.columns[k], what.units[k]);
  }
  if (!std::isfinite(out)) {
    throw std::invalid_argument(fmt::format("{}, {}: the sum of {} columns is beyond a double",
                                            records.name, records.place(row), what.columns.size()));
  }
  if (out > 0) return out;
  throw std::invalid_argument(fmt::format("{}, {}: the columns summed from '{}' on are all 0",
                                          records.name, records.place(row),
                                          records.columns[what.columns.front()]));
}

// The column of tokens a parameter; with_guessed_columns() saw that it is there.
std::string ratio_column(const Records& records) {
  const auto found = std::find_if(records.columns.begin(), records.columns.end(), names_ratio);
  if (found != records.columns.end()) return *found;
  throw std::invalid_argument(
      fmt::format("{}: no column of tokens a parameter, such as D/N", records.name));
}

void require_different_columns(const Records& records, const DataFileOptions& options) {
  const std::pair<const char*, const std::string*> roles[] = {{"N", &options.params},
                                                              {"D", &options.tokens},
                                                              {"the loss", &options.loss},
                                                              {"C", &options.compute}};
  for (std::size_t i = 0; i < std::size(roles); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (roles[i].second->empty() || *roles[i].second != *roles[k].second) continue;
      throw std::invalid_argument(fmt::format("{}: column '{}' cannot be {} and {}", records.name,
                                              *roles[i].second, roles[k].first, roles[i].first));
    }
  }
}

void say_unit(const Records& records, const Measured& what, const char* name,
              std::vector<std::string>& notes) {
  for (std::size_t k = 0; k < what.columns.size(); ++k) {
    const CountUnit& unit = what.units[k];
    const std::string& column = records.columns[what.columns[k]];
    if (unit.per_param) {
      notes.push_back(fmt::format("{} = N times '{}'", name, column));
    } else if (unit.logarithm) {
      notes.push_back(fmt::format("{} = {} to the power of '{}'", name,
                                  unit.log_base == 10  ? "10"
                                  : unit.log_base == 2 ? "2"
                                                       : "e",
                                  column));
    } else if (unit.factor != 1) {
      const bool by_row = !unit.by_flag && !unit_of_row(records, what.columns[k]).empty();
      notes.push_back(fmt::format("{}: '{}' times {:.6g}{}", name, column, unit.factor,
                                  by_row                     ? ", as the row of units says"
                                  : unit.from_header.empty() ? ""
                                                             : ", as its name says"));
    }
  }
}

}  // namespace

PointReader::PointReader(const Records& records, const DataFileOptions& options)
    : records_(records), options_(options) {
  require_different_columns(records, options);
  tokens_by_compute_ = options.tokens == kTokensByCompute && !records.has(kTokensByCompute);
  params_by_compute_ = options.params == kParamsByCompute && !records.has(kParamsByCompute);
  if (options.params == kParamsByRatio && !records.has(kParamsByRatio)) {
    per_param_.columns = {records.column(ratio_column(records))};
    per_param_.units.resize(1);
  } else if (!params_by_compute_) {
    params_ = measured(records, options.params, "--params-unit", options.params_unit, false);
  }
  if (!tokens_by_compute_) {
    tokens_ = measured(records, options.tokens, "--tokens-unit", options.tokens_unit, true);
  }
  loss_ = records.column(options.loss);
  const std::string in_row = unit_of_row(records, loss_);
  loss_unit_ = !options.loss_unit.empty() ? parse_loss_unit(options.loss_unit)
                                          : loss_unit_in_header(options.loss + " " + in_row);
  if (!options.weight.empty()) weight_ = records.column(options.weight);
  if (!options.cluster.empty()) cluster_ = summed_columns(records, options.cluster);
  if (!options.stage.empty()) stage_ = records.column(options.stage);
  if (!options.unique.empty())
    unique_ = measured_as_tokens(records, options.unique, options.tokens_unit);
  if (!options.ratio.empty() && !options.replay.empty()) {
    throw std::invalid_argument("--ratio and --replay exclude each other: one is 1 - the other");
  }
  replayed_ = !options.replay.empty();
  const std::string& share = replayed_ ? options.replay : options.ratio;
  if (!share.empty()) share_ = records.column(share);
  if (!options.base_tokens.empty())
    base_ = measured_as_tokens(records, options.base_tokens, options.tokens_unit);
  if (!options.loss_before.empty()) before_ = records.column(options.loss_before);
  if (!options.compute.empty()) {
    compute_ = measured(records, options.compute, "--flops-unit", options.flops_unit, false);
  }
  if (derives_by_compute() &&
      (compute_.columns.empty() || tokens_by_compute_ == params_by_compute_)) {
    throw std::invalid_argument(fmt::format("{}: {} needs a column of compute, and one of N or D",
                                            records.name,
                                            tokens_by_compute_ ? options.tokens : options.params));
  }
}

std::vector<std::size_t> PointReader::needed() const {
  std::vector<std::size_t> out = {loss_};
  for (const auto* each : {&params_, &tokens_, &unique_, &compute_, &base_, &per_param_}) {
    // A part of a sum may be 0, not absent.
    out.insert(out.end(), each->columns.begin(), each->columns.end());
  }
  for (const auto& each : {weight_, share_, before_}) {
    if (each) out.push_back(*each);
  }
  return out;
}

std::vector<std::size_t> PointReader::used() const {
  std::vector<std::size_t> out = needed();
  if (stage_) out.push_back(*stage_);
  out.insert(out.end(), cluster_.begin(), cluster_.end());
  return out;
}

std::vector<std::size_t> PointReader::measures() const {
  std::vector<std::size_t> out = {loss_};
  for (const auto* each : {&params_, &tokens_, &compute_}) {
    out.insert(out.end(), each->columns.begin(), each->columns.end());
  }
  return out;
}

// A column that may hold tokens a parameter.
double PointReader::counted(std::size_t row, const Measured& what, const Point& point) const {
  const double per = what.units[0].per_param ? point.params : 1;
  return finite(per * sum_in(records_, row, what), row, what);
}

Point PointReader::read(std::size_t row, std::vector<std::string>& clusters) {
  Point point;
  if (!params_.columns.empty()) point.params = finite(sum_in(records_, row, params_), row, params_);
  if (!compute_.columns.empty())
    point.flops = finite(sum_in(records_, row, compute_), row, compute_);
  if (tokens_by_compute_) {
    point.tokens = finite(point.flops / (6 * point.params), row, compute_);
  } else {
    point.tokens = counted(row, tokens_, point);
  }
  if (params_by_compute_) point.params = finite(point.flops / (6 * point.tokens), row, compute_);
  if (!per_param_.columns.empty()) {
    point.params = finite(point.tokens / sum_in(records_, row, per_param_), row, per_param_);
  }
  point.loss = loss_at(row, loss_);
  if (share_) point.target_share = target_share_at(row);
  if (!base_.columns.empty()) point.base_tokens = counted(row, base_, point);
  if (before_) point.loss_before = loss_at(row, *before_);
  if (weight_) point.weight = positive_in(records_, row, *weight_);
  if (stage_) point.stage = stage_in(records_, row, *stage_);
  if (!unique_.columns.empty())
    point.unique_tokens = finite(sum_in(records_, row, unique_), row, unique_);
  if (!cluster_.empty()) point.cluster = cluster_of(row, clusters);
  return point;
}

PointSource PointReader::source(std::vector<std::size_t> rows) const {
  PointSource out{records_,
                  std::move(rows),
                  options_.params,
                  options_.tokens,
                  options_.loss,
                  options_.compute,
                  {},
                  {},
                  {},
                  loss_unit_,
                  !options_.loss_unit.empty(),
                  !compute_.columns.empty(),
                  {}};
  if (!params_.units.empty()) out.params_unit = params_.units.front();
  if (!tokens_.units.empty()) out.tokens_unit = tokens_.units.front();
  if (!compute_.units.empty()) out.compute_unit = compute_.units.front();
  return out;
}

void PointReader::say_units(std::vector<std::string>& notes) const {
  say_unit(records_, params_, "N", notes);
  say_unit(records_, tokens_, "D", notes);
  say_unit(records_, unique_, "unique tokens", notes);
  say_unit(records_, base_, "base tokens", notes);
  say_unit(records_, compute_, "C", notes);
  if (loss_unit_ != LossUnit::kUnsaid && loss_unit_ != LossUnit::kNats) {
    notes.push_back(fmt::format("loss: '{}' in {}", options_.loss, describe(loss_unit_)));
  }
}

double ColumnUnit::in_use(double written) const {
  if (loss != LossUnit::kUnsaid) return loss_in_nats(written, loss);
  return count.logarithm ? std::pow(count.log_base, written) : written * count.factor;
}

std::optional<ColumnUnit> PointReader::unit_of(std::size_t column) const {
  if (column == loss_) {
    if (loss_unit_ == LossUnit::kUnsaid || loss_in_nats(2, loss_unit_) == 2) return std::nullopt;
    const bool named = loss_unit_in_header(records_.columns[column]) != LossUnit::kUnsaid;
    return ColumnUnit{{}, loss_unit_, named && options_.loss_unit.empty(), describe(loss_unit_)};
  }
  for (const Measured* each : {&params_, &tokens_, &compute_, &unique_, &base_}) {
    for (std::size_t k = 0; k < each->columns.size(); ++k) {
      const CountUnit& unit = each->units[k];
      if (each->columns[k] != column || unit.per_param) continue;
      if (unit.factor == 1 && !unit.logarithm) return std::nullopt;
      return ColumnUnit{unit, LossUnit::kUnsaid,
                        !unit.by_flag && unit_of_row(records_, column).empty(),
                        unit.logarithm ? fmt::format("{:.3g} to the power of them", unit.log_base)
                                       : fmt::format("times {:.6g}", unit.factor)};
    }
  }
  return std::nullopt;
}

double PointReader::finite(double value, std::size_t row, const Measured& what) const {
  if (std::isfinite(value) && value > 0) return value;
  refuse_value(records_, row, what.columns.front(), "beyond a double in its unit");
}

double PointReader::target_share_at(std::size_t row) const {
  const double share = number_in(records_, row, *share_);
  if (share >= 0 && share <= 1) return replayed_ ? 1 - share : share;
  refuse_value(records_, row, *share_,
               fmt::format("{}, expected a share from 0 to 1{}", share,
                           share > 1 && share <= 100 ? " (0.33, not 33 %)" : ""));
}

double PointReader::loss_at(std::size_t row, std::size_t column) const {
  const bool logarithm = loss_unit_ == LossUnit::kLn || loss_unit_ == LossUnit::kLog10;
  const double value =
      logarithm ? number_in(records_, row, column) : positive_in(records_, row, column);
  const double nats = loss_in_nats(value, loss_unit_);
  if (nats > 0 && std::isfinite(nats)) return nats;
  refuse_value(records_, row, column,
               fmt::format("{}, no {}; if it is a loss say --loss-unit nats", value,
                           loss_unit_ == LossUnit::kPerplexity ? "perplexity, which is above 1"
                                                               : "loss that a double holds"));
}

int PointReader::cluster_of(std::size_t row, std::vector<std::string>& clusters) {
  std::string name = records_.rows[row][cluster_.front()];
  for (std::size_t k = 1; k < cluster_.size(); ++k) {
    name += "+" + records_.rows[row][cluster_[k]];
  }
  const auto [found, added] = ids_.try_emplace(name, static_cast<int>(ids_.size()));
  if (added) clusters.push_back(name);
  return found->second;
}

}  // namespace crosslaw::fit
