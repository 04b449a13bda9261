#include "fit/data/data_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/data/column_choice.h"
#include "fit/data/column_role.h"
#include "fit/data/confounding.h"
#include "fit/data/epochs.h"
#include "fit/data/kept_rows.h"
#include "fit/data/marginal_rows.h"
#include "fit/data/outliers.h"
#include "fit/data/point_reader.h"
#include "fit/data/populations.h"
#include "fit/data/repeated_rows.h"
#include "fit/data/run_names.h"
#include "fit/data/unfinished.h"

namespace crosslaw::fit {
namespace {

// A value that stands once above several blanks is that of all of them: spreadsheets merge cells.
void refuse_merged_cells(const Records& records, const std::vector<std::size_t>& rows,
                         std::size_t column) {
  std::size_t blanks = 0, blocks = 0;
  bool below = false;
  for (const std::size_t row : rows) {
    const bool blank = trimmed(records.rows[row][column]).empty();
    blanks += blank ? 1 : 0;
    blocks += blank && !below ? 1 : 0;
    below = blank;
  }
  const bool first = trimmed(records.rows[rows.front()][column]).empty();
  if (first || blocks < 2 || 2 * blanks < rows.size()) return;
  const std::string& name = records.columns[column];
  throw std::invalid_argument(fmt::format(
      "{}: column '{}' is empty in {} of {} rows, which stand below rows that have a value: merged "
      "cells? Fill them down (pandas: df['{}'] = df['{}'].ffill()); --drop-missing leaves such "
      "rows "
      "out",
      records.name, name, blanks, rows.size(), name, name));
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
    if (column != needed.front()) refuse_merged_cells(records, rows, column);  // not of the loss
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

// A column of compute that is not used, yet tells whether N and D are what they seem.
void compare_compute(const Records& records, const DataFileOptions& used,
                     const std::vector<std::size_t>& rows, PointSource& source) {
  std::optional<ColumnGuess> found;
  try {
    found = guess_column(records, Role::kCompute, "--compute", taken_columns(records, used));
  } catch (const std::invalid_argument&) {  // several could be meant, and none is needed
  }
  if (!found) return;
  *found = column_by_numbers(records, Role::kCompute, std::move(*found), used.params);
  const CountUnit unit = count_unit_in_header(found->column);
  if (unit.logarithm) return;
  source.compute = found->column;
  source.compute_unit = unit;
  const std::size_t column = records.column(source.compute);
  for (const std::size_t row : rows) {
    const auto value = read_number(records.rows[row][column], records.mark);
    if (!value || !std::isfinite(value->value) || value->value <= 0) continue;
    source.compute_flops.push_back(value->value * (value->scaled ? 1 : unit.factor));
  }
}

// Losses of one run share noise, also where no flag says which they are. True: their runs were
// found.
bool name_runs(const Records& records, const PointReader& reader, DataFile& out) {
  const DataFileOptions& used = out.used;
  if (!used.cluster.empty() || !used.weight.empty()) return false;
  if (!used.best_of.empty() || !used.mean_of.empty()) return false;
  std::optional<TableRuns> runs =
      runs_in_table(records, out.record_rows, out.points, reader.used());
  if (!runs) return false;
  for (std::size_t i = 0; i < out.points.size(); ++i) out.points[i].cluster = runs->of[i];
  out.clusters = std::move(runs->names);
  out.used.cluster = runs->column;
  return true;
}

void say_runs(bool mid_schedule_told, DataFile& out) {
  const std::string& column = out.used.cluster;
  std::string note = fmt::format(
      "{} losses were read along {} runs ({}), which are resampled whole, as --cluster does",
      out.points.size(), out.clusters.size(),
      column.empty() ? "rows of one N whose D grows by equal steps" : fmt::format("'{}'", column));
  if (!mid_schedule_told) {
    note += "; where the learning rate falls, losses before the end lie above a law of ends: " +
            advice_on_ends(column);
  }
  out.notes.push_back(std::move(note));
}

// What the points look like beside each other.
void add_doubts(const Records& records, const PointReader& reader, bool clusters_by_flag,
                std::optional<std::string> mid_schedule, DataFile& out) {
  PointSource source = reader.source(out.record_rows);
  const DataFileOptions& used = out.used;
  if (source.compute_in_use) {
    for (const Point& each : out.points) source.compute_flops.push_back(each.flops);
    if (reader.derives_by_compute()) source.compute_flops.clear();
  } else {
    compare_compute(records, used, out.record_rows, source);
  }
  out.doubts = doubts_about(out.points, source);
  std::optional<Doubt> epochs = doubt_about_epochs(out.points, source);
  const bool repeated = epochs.has_value();
  if (epochs) out.doubts.push_back(std::move(*epochs));
  const bool grave = std::any_of(out.doubts.begin(), out.doubts.end(),
                                 [](const Doubt& each) { return each.grave; });
  if (grave) return;
  if (auto sentence = describe_unfinished(records, out.record_rows)) {
    out.doubts.push_back({std::move(*sentence), false});
  }
  for (std::string& each : tokens_that_follow(records, out.record_rows, out.points)) {
    out.doubts.push_back({std::move(each), false});
  }
  std::optional<std::string> repeats;
  if (used.best_of.empty() && used.mean_of.empty() && !clusters_by_flag && !repeated) {
    repeats = describe_repeats(out.points, records, out.record_rows, used.loss);
  }
  std::optional<std::string> populations =
      describe_populations(out.points, source, reader.used(), repeats.has_value());
  const bool labelled = populations.has_value();
  // What labels explain is neither a search of settings nor one of single rows.
  for (auto* sentence : {labelled ? &populations : &repeats}) {
    if (*sentence) out.doubts.push_back({std::move(**sentence), false});
  }
  const std::size_t told = out.doubts.size();
  if (mid_schedule) out.doubts.push_back({std::move(*mid_schedule), false});
  for (Doubt& each : doubts_about_rows(out.points, source)) {
    if (each.grave || !labelled) out.doubts.push_back(std::move(each));
  }
  if (labelled || repeats || out.doubts.size() > told) return;
  if (auto sentence = describe_scatter(out.points, source)) {
    out.doubts.push_back({std::move(*sentence), false});
  }
}

// Leaves out those at these places among `rows`, and says why.
void leave_out(const Records& records, const std::vector<std::size_t>& which, const char* why,
               std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  if (which.empty()) return;
  std::vector<std::size_t> left, kept;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool goes = next < which.size() && which[next] == i;
    if (goes) ++next;
    (goes ? left : kept).push_back(rows[i]);
  }
  notes.push_back(fmt::format("{}: {}", places(records, left), why));
  rows = std::move(kept);
}

// Rows that are copies say nothing new; weights and clusters mean something by them.
void drop_copies(const Records& records, const PointReader& reader, const DataFileOptions& used,
                 std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  if (!used.weight.empty() || !used.cluster.empty()) return;
  leave_out(records, equal_rows(records, rows),
            "equal to an earlier row in every column, counted once; --weight or --cluster keeps "
            "them",
            rows, notes);
  leave_out(records, copied_rows(records, rows, reader.used(), reader.loss()),
            "copies of an earlier row: N, D, the loss to all its digits and every other column in "
            "use are equal; counted once; --weight or --cluster keeps them",
            rows, notes);
}

// Before rows are judged, for a sum of losses may be missing.
void drop_computed_totals(const Records& records, const PointReader& reader,
                          std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  const std::size_t count = computed_totals(records, rows, reader.measures()).size();
  std::vector<std::size_t> last(count);
  std::iota(last.begin(), last.end(), rows.size() - count);
  leave_out(records, last,
            "each number is the sum or the mean of the rows above: a row of totals and no "
            "measurement, left out",
            rows, notes);
}

// Only the points at these places.
void keep_points(const std::vector<std::size_t>& which, DataFile& out) {
  for (std::size_t k = 0; k < which.size(); ++k) {
    out.points[k] = out.points[which[k]];
    out.lines[k] = out.lines[which[k]];
    out.record_rows[k] = out.record_rows[which[k]];
  }
  const std::size_t kept = which.size();
  out.points.resize(kept), out.lines.resize(kept), out.record_rows.resize(kept);
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
  PointReader reader(records, out.used);
  std::vector<std::size_t> rows = kept_rows(records, out.used, reader);
  drop_computed_totals(records, reader, rows, out.notes);
  drop_missing(records, reader.needed(), options.drop_missing, rows, out.notes);
  drop_copies(records, reader, out.used, rows, out.notes);
  reader.say_units(out.notes);
  out.loss_unit = describe(reader.loss_unit());
  for (const std::size_t row : rows) {
    out.points.push_back(reader.read(row, out.clusters));
    out.lines.push_back(records.lines[row]);
  }
  out.record_rows = std::move(rows);
  keep_points(kept_points(records, out.used, out.points), out);
  if (!options.best_of.empty() || !options.mean_of.empty()) reduce(records, out.used, out);
  const bool clusters_by_flag = !out.used.cluster.empty();
  const bool runs_found = name_runs(records, reader, out);
  std::optional<std::string> mid_schedule = describe_mid_schedule(out.points, out.used.cluster);
  if (runs_found) say_runs(mid_schedule.has_value(), out);
  add_doubts(records, reader, clusters_by_flag, std::move(mid_schedule), out);
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

DataFile read_data_file(const DataFileOptions& options) {
  return parse_data(read_text(options.path), options);
}

DataFile parse_data(std::string_view text, const DataFileOptions& options) {
  DataFile out = to_points(parse_records(text, options.path, wanted_columns(options)), options);
  out.fingerprint = fingerprint(text);
  return out;
}

}  // namespace crosslaw::fit
