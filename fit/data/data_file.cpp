#include "fit/data/data_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "fit/data/column_role.h"
#include "fit/data/confounding.h"
#include "fit/data/repeated_rows.h"

namespace crosslaw::fit {
namespace {

constexpr const char* kDerivedTokens = "C/(6N)";

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

// A column with what its numbers are multiplied by. Cells that say "7B" themselves are not.
struct Measured {
  std::vector<std::size_t> columns;  // summed
  std::vector<CountUnit> units;      // one a column
};

Measured measured(const Records& records, const std::string& sum, const char* flag,
                  const std::string& unit, bool of_tokens) {
  Measured out;
  out.columns = summed_columns(records, sum);
  for (const std::size_t column : out.columns) {
    out.units.push_back(unit.empty() ? count_unit_in_header(records.columns[column])
                                     : parse_count_unit(flag, unit, of_tokens));
  }
  return out;
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
    positive_in(records, row, what.columns[0]);
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

// Reads rows into points.
class PointMaker {
 public:
  PointMaker(const Records& records, const DataFileOptions& options)
      : records_(records), options_(options) {
    params_ = measured(records, options.params, "--params-unit", options.params_unit, false);
    if (options.tokens != kDerivedTokens || records.has(kDerivedTokens)) {
      tokens_ = measured(records, options.tokens, "--tokens-unit", options.tokens_unit, true);
    }
    loss_ = records.column(options.loss);
    loss_unit_ = options.loss_unit.empty() ? loss_unit_in_header(options.loss)
                                           : parse_loss_unit(options.loss_unit);
    if (!options.weight.empty()) weight_ = records.column(options.weight);
    if (!options.cluster.empty()) cluster_ = summed_columns(records, options.cluster);
    if (!options.stage.empty()) stage_ = records.column(options.stage);
    if (!options.unique.empty()) unique_ = measured(records, options.unique, "", "", true);
    if (!options.ratio.empty() && !options.replay.empty()) {
      throw std::invalid_argument("--ratio and --replay exclude each other: one is 1 - the other");
    }
    replayed_ = !options.replay.empty();
    const std::string& share = replayed_ ? options.replay : options.ratio;
    if (!share.empty()) share_ = records.column(share);
    if (!options.base_tokens.empty()) base_ = measured(records, options.base_tokens, "", "", true);
    if (!options.loss_before.empty()) before_ = records.column(options.loss_before);
    if (!options.compute.empty()) {
      compute_ = measured(records, options.compute, "--flops-unit", options.flops_unit, false);
    }
  }

  // The columns that every point needs a value of.
  std::vector<std::size_t> needed() const {
    std::vector<std::size_t> out = {loss_};
    for (const auto* each : {&params_, &tokens_, &unique_, &compute_, &base_}) {
      // A part of a sum may be 0, not absent.
      out.insert(out.end(), each->columns.begin(), each->columns.end());
    }
    for (const auto& each : {weight_, share_, before_}) {
      if (each) out.push_back(*each);
    }
    return out;
  }

  Point make(std::size_t row, std::vector<std::string>& clusters) {
    Point point;
    point.params = finite(sum_in(records_, row, params_), row, params_);
    if (!compute_.columns.empty())
      point.flops = finite(sum_in(records_, row, compute_), row, compute_);
    if (tokens_.columns.empty()) {
      point.tokens = finite(point.flops / (6 * point.params), row, compute_);
    } else {
      point.tokens = sum_in(records_, row, tokens_);
      if (tokens_.units[0].per_param) point.tokens *= point.params;
      finite(point.tokens, row, tokens_);
    }
    point.loss = loss_at(row, loss_);
    if (share_) point.target_share = target_share_at(row);
    if (!base_.columns.empty()) {
      const double per = base_.units[0].per_param ? point.params : 1;
      point.base_tokens = finite(per * sum_in(records_, row, base_), row, base_);
    }
    if (before_) point.loss_before = loss_at(row, *before_);
    if (weight_) point.weight = positive_in(records_, row, *weight_);
    if (stage_) point.stage = stage_in(records_, row, *stage_);
    if (!unique_.columns.empty())
      point.unique_tokens = finite(sum_in(records_, row, unique_), row, unique_);
    if (!cluster_.empty()) point.cluster = cluster_of(row, clusters);
    return point;
  }

  PointSource source(std::vector<std::size_t> rows) const {
    PointSource out{records_,
                    std::move(rows),
                    options_.params,
                    options_.tokens,
                    options_.loss,
                    options_.compute,
                    params_.units.front(),
                    {},
                    {},
                    loss_unit_,
                    !options_.loss_unit.empty(),
                    !compute_.columns.empty(),
                    {}};
    if (!tokens_.units.empty()) out.tokens_unit = tokens_.units.front();
    if (!compute_.units.empty()) out.compute_unit = compute_.units.front();
    return out;
  }

  LossUnit loss_unit() const { return loss_unit_; }
  const Measured& params() const { return params_; }
  const Measured& tokens() const { return tokens_; }
  const Measured& compute() const { return compute_; }

 private:
  double finite(double value, std::size_t row, const Measured& what) const {
    if (std::isfinite(value) && value > 0) return value;
    refuse_value(records_, row, what.columns.front(), "beyond a double in its unit");
  }

  double target_share_at(std::size_t row) const {
    const double share = number_in(records_, row, *share_);
    if (share >= 0 && share <= 1) return replayed_ ? 1 - share : share;
    refuse_value(records_, row, *share_,
                 fmt::format("{}, expected a share from 0 to 1{}", share,
                             share > 1 && share <= 100 ? " (0.33, not 33 %)" : ""));
  }

  double loss_at(std::size_t row, std::size_t column) const {
    const double value = positive_in(records_, row, column);
    const double nats = loss_in_nats(value, loss_unit_);
    if (nats > 0 && std::isfinite(nats)) return nats;
    refuse_value(records_, row, column,
                 fmt::format("{}, no {}; if it is a loss say --loss-unit nats", value,
                             loss_unit_ == LossUnit::kPerplexity ? "perplexity, which is above 1"
                                                                 : "loss that a double holds"));
  }

  int cluster_of(std::size_t row, std::vector<std::string>& clusters) {
    std::string name = records_.rows[row][cluster_.front()];
    for (std::size_t k = 1; k < cluster_.size(); ++k) {
      name += "+" + records_.rows[row][cluster_[k]];
    }
    const auto [found, added] = ids_.try_emplace(name, static_cast<int>(ids_.size()));
    if (added) clusters.push_back(name);
    return found->second;
  }

  const Records& records_;
  const DataFileOptions& options_;
  Measured params_, tokens_, unique_, compute_, base_;
  std::vector<std::size_t> cluster_;
  std::size_t loss_ = 0;
  LossUnit loss_unit_ = LossUnit::kUnsaid;
  std::optional<std::size_t> weight_, stage_, share_, before_;
  bool replayed_ = false;  // share_ is that of the other text
  std::map<std::string, int> ids_;
};

std::vector<std::size_t> kept_rows(const Records& records, const DataFileOptions& options) {
  std::vector<bool> keep(records.rows.size(), true);
  for (const std::string& text : options.where) {
    const std::vector<bool> with = rows_with(records, text);
    std::transform(keep.begin(), keep.end(), with.begin(), keep.begin(), std::logical_and<>());
  }
  std::vector<std::size_t> out;
  for (std::size_t row = 0; row < keep.size(); ++row) {
    if (keep[row]) out.push_back(row);
  }
  if (out.empty()) {
    throw std::invalid_argument(fmt::format("{}: none of {} rows has {}", records.name,
                                            records.rows.size(),
                                            fmt::join(options.where, " and ")));
  }
  return out;
}

// Leaves out rows without a value where that is asked for; else the reading of the first one
// throws.
void drop_missing(const Records& records, const std::vector<std::size_t>& needed, bool asked,
                  std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  std::vector<std::size_t> missing, kept;
  for (const std::size_t row : rows) {
    const bool gap = std::any_of(needed.begin(), needed.end(), [&](std::size_t column) {
      return is_missing(records.rows[row][column]);
    });
    (gap ? missing : kept).push_back(row);
  }
  if (missing.empty()) return;
  if (!asked) {
    const std::size_t row = missing.front();
    const auto column = *std::find_if(needed.begin(), needed.end(), [&](std::size_t each) {
      return is_missing(records.rows[row][each]);
    });
    try {
      number_in(records, row, column);
    } catch (const std::invalid_argument& error) {
      if (missing.size() == 1) throw;
      throw std::invalid_argument(
          fmt::format("{} ({} of {} rows have gaps)", error.what(), missing.size(), rows.size()));
    }
    return;
  }
  if (kept.empty()) {
    throw std::invalid_argument(fmt::format("{}: each of {} rows lacks a value in a used column",
                                            records.name, rows.size()));
  }
  notes.push_back(fmt::format("{}: {} of {} rows without a value in a used column, left out",
                              places(records, missing), missing.size(), rows.size()));
  rows = std::move(kept);
}

void say_units(const Records& records, const Measured& what, const char* name,
               std::vector<std::string>& notes) {
  for (std::size_t k = 0; k < what.columns.size(); ++k) {
    const CountUnit& unit = what.units[k];
    if (unit.per_param) {
      notes.push_back(fmt::format("{} = N times '{}'", name, records.columns[what.columns[k]]));
    } else if (unit.factor != 1) {
      notes.push_back(fmt::format("{}: '{}' times {:.3g}{}", name, records.columns[what.columns[k]],
                                  unit.factor,
                                  unit.from_header.empty() ? "" : ", as its name says"));
    }
  }
}

// One point for each set of rows that are equal in the columns named.
void reduce(const Records& records, const DataFileOptions& options, DataFile& out) {
  const bool mean = options.best_of.empty();
  const std::vector<std::string>& names = mean ? options.mean_of : options.best_of;
  std::vector<std::string> keys(out.points.size());
  for (const std::string& name : names) {
    const bool role = !records.has(name) && (name == "N" || name == "D");
    const std::size_t column = role ? 0 : records.column(name);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Point& point = out.points[i];
      keys[i] += role ? fmt::format("{:a}", name == "N" ? point.params : point.tokens)
                      : text_in(records, out.record_rows[i], column);
      keys[i] += '\x1f';
    }
  }
  DataFile reduced = out;
  reduced.points.clear();
  reduced.lines.clear();
  reduced.record_rows.clear();
  for (const Group& group : grouped(out.points, keys)) {
    reduced.points.push_back(out.points[group.chosen]);
    if (mean) reduced.points.back().loss = group.mean_loss;
    reduced.lines.push_back(out.lines[group.chosen]);
    reduced.record_rows.push_back(out.record_rows[group.chosen]);
  }
  reduced.notes.push_back(fmt::format("{} of each {}: {} points of {} rows",
                                      mean ? "the mean" : "the best", fmt::join(names, ", "),
                                      reduced.points.size(), out.points.size()));
  out = std::move(reduced);
}

// What the points look like beside each other.
void add_doubts(const Records& records, const PointMaker& maker, DataFile& out) {
  PointSource source = maker.source(out.record_rows);
  const DataFileOptions& used = out.used;
  if (source.compute_in_use) {
    for (const Point& each : out.points) source.compute_flops.push_back(each.flops);
    if (used.tokens == kDerivedTokens) source.compute_flops.clear();
  } else if (records.has(usual_column(Role::kCompute))) {
    // Not used, yet it tells whether N and D are what they seem.
    source.compute = usual_column(Role::kCompute);
    const std::size_t column = records.column(source.compute);
    for (const std::size_t row : out.record_rows) {
      const auto value = parse_number(records.rows[row][column], records.mark);
      if (value && *value > 0) source.compute_flops.push_back(*value);
    }
  }
  out.doubts = doubts_about(out.points, source);
  const bool grave = std::any_of(out.doubts.begin(), out.doubts.end(),
                                 [](const Doubt& each) { return each.grave; });
  if (grave) return;
  for (std::string& each : tokens_that_follow(records, out.record_rows, out.points)) {
    out.doubts.push_back({std::move(each), false});
  }
  if (used.best_of.empty() && used.mean_of.empty() && used.cluster.empty()) {
    if (auto sentence = describe_repeats(out.points, records, out.record_rows, used.loss)) {
      out.doubts.push_back({std::move(*sentence), false});
    }
  }
  std::vector<std::size_t> far;
  double lowest = 0;
  for (const std::size_t i : far_off(out.points)) {
    lowest = far.empty() ? out.points[i].loss : std::min(lowest, out.points[i].loss);
    far.push_back(out.record_rows[i]);
  }
  if (far.empty()) return;
  out.doubts.push_back(
      {fmt::format("{}: losses from {:.4g} up, far above what their N and D let expect: runs that "
                   "diverged? --where '{}<{:.4g}' leaves them out",
                   places(records, far), lowest, used.loss, lowest),
       false});
}

// Rows that are copies say nothing new; weights and clusters mean something by them.
void drop_equal_rows(const Records& records, const DataFileOptions& used,
                     std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  if (!used.weight.empty() || !used.cluster.empty()) return;
  const std::vector<std::size_t> copies = equal_rows(records, rows);
  if (copies.empty()) return;
  std::vector<std::size_t> copied, kept;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool copy = next < copies.size() && copies[next] == i;
    if (copy) ++next;
    (copy ? copied : kept).push_back(rows[i]);
  }
  notes.push_back(
      fmt::format("{}: equal to an earlier row in every column, counted once; --weight "
                  "or --cluster keeps them",
                  places(records, copied)));
  rows = std::move(kept);
}

DataFile to_points(const Records& records, const DataFileOptions& options) {
  DataFile out;
  out.rows = records.rows.size();
  out.format = records.format;
  out.notes = records.notes;
  out.used = with_guessed_columns(records, options, out.notes);
  if (!options.best_of.empty() && !options.mean_of.empty()) {
    throw std::invalid_argument("--best-of and --mean-of exclude each other");
  }
  PointMaker maker(records, out.used);
  std::vector<std::size_t> rows = kept_rows(records, out.used);
  drop_missing(records, maker.needed(), options.drop_missing, rows, out.notes);
  drop_equal_rows(records, out.used, rows, out.notes);
  say_units(records, maker.params(), "N", out.notes);
  say_units(records, maker.tokens(), "D", out.notes);
  say_units(records, maker.compute(), "C", out.notes);
  out.loss_unit = describe(maker.loss_unit());
  if (maker.loss_unit() != LossUnit::kUnsaid && maker.loss_unit() != LossUnit::kNats) {
    out.notes.push_back(fmt::format("loss: '{}' in {}", out.used.loss, out.loss_unit));
  }
  for (const std::size_t row : rows) {
    out.points.push_back(maker.make(row, out.clusters));
    out.lines.push_back(records.lines[row]);
  }
  out.record_rows = std::move(rows);
  if (!options.best_of.empty() || !options.mean_of.empty()) reduce(records, out.used, out);
  add_doubts(records, maker, out);
  return out;
}

// Columns that the user named: they help to tell the separator.
std::vector<std::string> wanted_columns(const DataFileOptions& options) {
  std::vector<std::string> out;
  if (!options.params.empty()) out = split_sum(options.params);
  for (const std::string* each : {&options.tokens, &options.loss}) {
    if (!each->empty()) out.push_back(*each);
  }
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

DataFile read_data_file(const DataFileOptions& options) {
  return parse_data(read_text(options.path), options);
}

DataFile parse_data(std::string_view text, const DataFileOptions& options) {
  DataFile out = to_points(parse_records(text, options.path, wanted_columns(options)), options);
  out.fingerprint = fingerprint(text);
  return out;
}

}  // namespace crosslaw::fit
