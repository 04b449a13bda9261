#include "fit/data/kept_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>

#include "fit/data/holdout_split.h"
#include "fit/data/row_filter.h"

namespace crosslaw::fit {
namespace {

// "N", "D", "C" and "loss" are what is used of a row, where no column is called so.
using UsedNumber = double (*)(const Point&);
UsedNumber used_number(const Records& records, const std::string& condition) {
  const std::string name = column_of_condition(condition);
  if (records.has(name)) return nullptr;
  if (name == "loss") return [](const Point& each) { return each.loss; };
  for (const ScaleAxis& axis : scale_axes()) {
    if (name == axis.symbol) return axis.value;
  }
  return nullptr;
}

// One answer a row; rows without a number have none.
std::vector<bool> rows_in_use(const Records& records, std::size_t column, const ColumnUnit& unit,
                              const std::string& condition) {
  std::vector<bool> out;
  for (const auto& row : records.rows) {
    const auto number = read_number(row[column], records.mark);
    out.push_back(
        number &&
        number_holds(number->scaled ? number->value : unit.in_use(number->value), condition));
  }
  return out;
}

std::vector<bool> rows_with_condition(const Records& records, const PointReader& reader,
                                      const std::string& condition) {
  std::vector<bool> as_written = rows_with(records, condition);
  const std::string name = column_of_condition(condition);
  const std::size_t column = records.column(name);
  const std::optional<ColumnUnit> unit = reader.unit_of(column);
  if (!unit || !compares_number(condition)) return as_written;
  std::vector<bool> in_use = rows_in_use(records, column, *unit, condition);
  const auto count = [](const std::vector<bool>& rows) {
    return static_cast<std::size_t>(std::count(rows.begin(), rows.end(), true));
  };
  const auto tells = [&](const std::vector<bool>& rows) {
    return count(rows) > 0 && count(rows) < rows.size();
  };
  const std::vector<bool>& chosen = unit->in_name ? as_written : in_use;
  const std::vector<bool>& other = unit->in_name ? in_use : as_written;
  const bool other_finds = tells(other) || (count(chosen) == 0 && count(other) > 0);
  if (!tells(chosen) && other_finds) {
    throw std::invalid_argument(fmt::format(
        "{}: '{}' holds for {} of {} rows by the numbers in use ({}), for {} by those of '{}' as "
        "they stand, which {}: {}",
        records.name, condition, count(in_use), in_use.size(), unit->what, count(as_written), name,
        unit->in_name ? "count, for its name says the unit" : "do not count",
        unit->in_name ? "write it so, or of the numbers in use by N, D, C or loss"
                      : "write the number in use"));
  }
  return chosen;
}

}  // namespace

std::vector<std::size_t> kept_rows(const Records& records, const DataFileOptions& options,
                                   const PointReader& reader) {
  std::vector<bool> keep(records.rows.size(), true);
  for (const std::string& text : options.where) {
    if (used_number(records, text)) continue;
    const std::vector<bool> with = rows_with_condition(records, reader, text);
    std::transform(keep.begin(), keep.end(), with.begin(), keep.begin(), std::logical_and<>());
  }
  std::vector<std::size_t> out;
  for (std::size_t row = 0; row < keep.size(); ++row) {
    if (keep[row]) out.push_back(row);
  }
  if (out.empty()) {
    std::string instead;
    for (const std::string& text : options.where) instead += values_instead(records, text);
    throw std::invalid_argument(fmt::format("{}: none of {} rows has {}{}", records.name,
                                            records.rows.size(), fmt::join(options.where, " and "),
                                            instead));
  }
  return out;
}

std::vector<std::size_t> kept_points(const Records& records, const DataFileOptions& options,
                                     const Points& points) {
  std::vector<std::size_t> out(points.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  for (const std::string& condition : options.where) {
    const UsedNumber number = used_number(records, condition);
    if (!number) continue;
    std::erase_if(out, [&](std::size_t i) { return !number_holds(number(points[i]), condition); });
    if (out.empty()) {
      throw std::invalid_argument(fmt::format("{}: no row has {}", records.name, condition));
    }
  }
  return out;
}

}  // namespace crosslaw::fit
