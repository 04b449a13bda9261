#include "fit/data/marginal_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "fit/data/column_role.h"

namespace crosslaw::fit {
namespace {

constexpr std::string_view kTotals[] = {
    "total",        "totals",  "totale",  "totaux",    "totaal",    "subtotal",
    "sum",          "sums",    "summe",   "suma",      "soma",      "somma",
    "somme",        "som",     "mean",    "means",     "average",   "averages",
    "averaged",     "avg",     "median",  "mediane",   "médiane",   "mediana",
    "std",          "stdev",   "stddev",  "sd",        "sem",       "min",
    "minimum",      "max",     "maximum", "count",     "aggregate", "standardabweichung",
    "variance",     "gesamt",  "gesamte", "insgesamt", "mittel",    "mittelwert",
    "durchschnitt", "schnitt", "moyenne", "promedio",  "média",     "gemiddelde",
    "razem",        "średnia", "итого",   "Итого",     "всего",     "Всего",
    "сумма",        "Сумма",   "среднее", "Среднее",   "合计",      "总计",
    "平均",         "平均值",  "合計",    "Σ"};
// Of all rows, or a name that some rows have, such as a language: only where it stands once.
constexpr std::string_view kAll[] = {"all", "overall", "alle", "ensemble", "todos", "media"};
// Words that go with them, "average over runs", "grand total", "Mean ± standard error".
constexpr std::string_view kBeside[] = {
    "of",       "over",      "the",   "and",   "above", "across", "grand",  "per",
    "standard", "deviation", "error", "runs",  "run",   "rows",   "models", "seeds",
    "value",    "values",    "über",  "aller", "n",     "±"};
constexpr std::size_t kMostComputed = 3;  // sum, mean and one more
constexpr std::size_t kFewestAbove = 4;   // rows, before a sum of them means anything
constexpr double kRounding = 1e-3;        // of totals as people write them
constexpr double kRoundedTotal =
    0.02;  // of a name that stands several times; errors have few digits

std::vector<std::string> words_of(std::string_view cell) {
  std::vector<std::string> out(1);
  for (const char c : trimmed(cell)) {
    const auto letter = static_cast<unsigned char>(c);
    // Bytes above ASCII are letters of some language.
    if (std::isalnum(letter) != 0 || letter >= 0x80) {
      out.back() += static_cast<char>(letter < 0x80 ? std::tolower(letter) : letter);
    } else if (!out.back().empty()) {
      out.emplace_back();
    }
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

template <std::size_t size>
bool holds(const std::string_view (&words)[size], const std::string& word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool is_digits(const std::string& word) {
  return std::all_of(word.begin(), word.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

// What a row of totals may hold of the values above it.
std::vector<double> totals_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double each : values) sum += each;
  for (const double each : values) squares += std::pow(each - sum / count, 2);
  const double median = (values[values.size() / 2] + values[(values.size() - 1) / 2]) / 2;
  std::vector<double> out = {sum,           sum / count,     median, values.front(),
                             values.back(), squares / count, count,  std::sqrt(squares / count)};
  if (count > 1) {
    const double variance = squares / (count - 1);
    out.insert(out.end(), {variance, std::sqrt(variance), std::sqrt(variance / count)});
  }
  return out;
}

// Whether each number of N, D and the loss in a row is a total of the rows above it that are none.
bool is_total_of_block(const Records& records, const std::vector<bool>& named, std::size_t row) {
  std::vector<std::size_t> block;
  for (std::size_t r = row; r > 0 && (block.empty() || !named[r - 1]); --r) {
    if (!named[r - 1]) block.push_back(r - 1);
  }
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const auto value = parse_number(records.rows[row][c], records.mark);
    if (!value || !names_some_role(records.columns[c])) continue;
    std::vector<double> above;
    for (const std::size_t r : block) {
      if (const auto one = parse_number(records.rows[r][c], records.mark)) above.push_back(*one);
    }
    if (above.empty()) return false;
    const std::vector<double> totals = totals_of(std::move(above));
    const bool found = std::any_of(totals.begin(), totals.end(), [&](double each) {
      return std::abs(*value - each) <= kRoundedTotal * std::abs(each);
    });
    if (!found) return false;
  }
  return true;
}

// The cells of a column that name totals: such a name is rare, and where it stands more than once,
// so that it may be a setting, it is one of the first column above numbers that agree.
std::vector<bool> totals_in_column(const Records& records, std::size_t column) {
  std::vector<bool> out(records.rows.size());
  std::map<std::string, std::size_t> counts;
  std::size_t totals = 0;
  for (std::size_t r = 0; r < out.size(); ++r) {
    const std::string& cell = records.rows[r][column];
    out[r] = names_total(cell);
    if (!out[r]) continue;
    ++counts[std::string(trimmed(cell))];
    ++totals;
  }
  const bool rare = 3 * totals <= records.rows.size() || totals == 1;
  const std::vector<bool> named = out;
  std::map<std::string, std::size_t> agree;
  for (std::size_t r = 0; rare && r < out.size(); ++r) {
    if (!named[r] || column != 0) continue;
    agree[std::string(trimmed(records.rows[r][column]))] +=
        is_total_of_block(records, named, r) ? 1 : 0;
  }
  for (std::size_t r = 0; r < out.size(); ++r) {
    if (!out[r]) continue;
    const std::string cell(trimmed(records.rows[r][column]));
    const bool first = column == 0 && !holds(kAll, words_of(cell).front());
    out[r] = rare && (counts[cell] == 1 || (first && 2 * agree[cell] > counts[cell]));
  }
  // pandas' describe() has "25%" between "min" and "max".
  for (std::size_t r = 1; r < out.size(); ++r) {
    if (out[r - 1] && trimmed(records.rows[r][column]).ends_with('%')) out[r] = true;
  }
  return out;
}

// Names alone, two of them of what a fit needs as in the header above: another table begins.
void refuse_other_header(const Records& records, std::size_t row) {
  const std::vector<std::string>& cells = records.rows[row];
  const bool names = std::none_of(cells.begin(), cells.end(), [&](const std::string& cell) {
    return is_missing(cell) || read_number(cell, records.mark);
  });
  if (!names || std::count_if(cells.begin(), cells.end(), names_some_role) < 2) return;
  if (std::count_if(records.columns.begin(), records.columns.end(), names_some_role) < 2) return;
  throw std::invalid_argument(fmt::format(
      "{}, {}: another header ({}), where the first is {}; give all tables of the file "
      "the same header, or save each in a file of its own",
      records.name, records.place(row), fmt::join(cells, ", "), fmt::join(records.columns, ", ")));
}

// How a value follows from those above: by their sum or their mean.
enum class Total { kNone, kSum, kMean, kAbsent };

Total total_of(const Records& records, const std::vector<std::size_t>& above, std::size_t row,
               std::size_t column) {
  if (is_missing(records.rows[row][column])) return Total::kAbsent;
  const auto last = parse_number(records.rows[row][column], records.mark);
  if (!last) return Total::kNone;
  double sum = 0;
  for (const std::size_t each : above) {
    const auto value = parse_number(records.rows[each][column], records.mark);
    if (!value) return Total::kNone;
    sum += *value;
  }
  const auto near = [&](double value) {
    return std::abs(*last - value) <= kRounding * std::abs(value);
  };
  if (near(sum)) return Total::kSum;
  return near(sum / static_cast<double>(above.size())) ? Total::kMean : Total::kNone;
}

bool varies(const Records& records, const std::vector<std::size_t>& rows, std::size_t column) {
  return std::any_of(rows.begin(), rows.end(), [&](std::size_t row) {
    return trimmed(records.rows[row][column]) != trimmed(records.rows[rows.front()][column]);
  });
}

// Every number is a total of those above, and at least two are.
bool is_computed(const Records& records, const std::vector<std::size_t>& above, std::size_t row,
                 const std::vector<std::size_t>& columns) {
  std::size_t found = 0;
  for (const std::size_t column : columns) {
    const Total total = total_of(records, above, row, column);
    // What is the same in all rows is its own mean.
    if (total == Total::kNone || !varies(records, above, column)) return false;
    found += total == Total::kAbsent ? 0 : 1;
  }
  return found >= 2;
}

}  // namespace

bool names_total(std::string_view cell) {
  bool total = false;
  for (const std::string& word : words_of(cell)) {
    const bool one = holds(kTotals, word) || holds(kAll, word);
    // "Mean (28 runs)", not the number of a run.
    if (!one && !(total && is_digits(word)) && !holds(kBeside, word)) return false;
    total = total || one;
  }
  return total;
}

void drop_marginal_rows(Records& records) {
  std::vector<std::size_t> headers, totals, kept;
  std::vector<std::string> names(records.rows.size());
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::vector<bool> named = totals_in_column(records, c);
    for (std::size_t r = 0; r < named.size(); ++r) {
      if (!named[r] || !names[r].empty()) continue;
      names[r] =
          fmt::format("'{}' in {}", trimmed(records.rows[r][c]),
                      c == 0 ? "the first column" : fmt::format("column '{}'", records.columns[c]));
    }
  }
  for (std::size_t r = 0; r < records.rows.size(); ++r) {
    const std::vector<std::string>& row = records.rows[r];
    const bool blank = std::all_of(row.begin(), row.end(),
                                   [](const std::string& each) { return trimmed(each).empty(); });
    const bool header =
        std::equal(row.begin(), row.end(), records.columns.begin(), records.columns.end(),
                   [](const std::string& a, const std::string& b) { return trimmed(a) == b; });
    if (!blank && !header) refuse_other_header(records, r);
    if (!blank) (header ? headers : names[r].empty() ? kept : totals).push_back(r);
  }
  if (!headers.empty()) {
    records.notes.push_back(places(records, headers) + ": the header again, left out");
  }
  if (!totals.empty()) {
    records.notes.push_back(fmt::format("{}: {}: totals and no measurement, left out",
                                        places(records, totals), names[totals.front()]));
  }
  if (kept.size() == records.rows.size()) return;
  for (std::size_t k = 0; k < kept.size(); ++k) {
    if (kept[k] == k) continue;
    records.rows[k] = std::move(records.rows[kept[k]]);
    records.lines[k] = records.lines[kept[k]];
  }
  records.rows.resize(kept.size());
  records.lines.resize(kept.size());
}

std::vector<std::size_t> computed_totals(const Records& records,
                                         const std::vector<std::size_t>& rows,
                                         const std::vector<std::size_t>& columns) {
  for (std::size_t count = kMostComputed; count > 0; --count) {
    if (rows.size() < kFewestAbove + count) continue;
    const auto split = rows.end() - static_cast<std::ptrdiff_t>(count);
    const std::vector<std::size_t> above(rows.begin(), split);
    const bool all = std::all_of(split, rows.end(), [&](std::size_t row) {
      return is_computed(records, above, row, columns);
    });
    if (all) return {split, rows.end()};
  }
  return {};
}

}  // namespace crosslaw::fit
