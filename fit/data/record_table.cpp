#include "fit/data/record_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "fit/data/closest_name.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kPlacesShown = 8;

// "4.40 ± 0.01", "4.402(12)": a number and how well it is known.
bool has_error_behind(std::string_view text) {
  for (const std::string_view sign : {"±", "+-", "+/-", "\\pm"}) {
    const std::size_t at = text.find(sign);
    if (at != std::string_view::npos && at > 0) return read_number(text.substr(0, at)).has_value();
  }
  const std::size_t open = text.find('(');
  return open != std::string_view::npos && open > 0 && text.ends_with(')') &&
         read_number(text.substr(0, open)).has_value() &&
         read_number(text.substr(open + 1, text.size() - open - 2)).has_value();
}

// What to do about a text where a number should be: a filter leaves out one kind of text only.
std::string mend_text(const Records& records, std::string_view text, std::size_t column) {
  if (has_error_behind(text)) {
    return "; write the number alone, its error in a column of its own";
  }
  if (mark_evidence(text) == MarkEvidence::kComma) {
    return "; other numbers of this file have a decimal point";
  }
  std::size_t texts = 0, alike = 0, filled = 0;
  for (const auto& row : records.rows) {
    const std::string_view cell = trimmed(row[column]);
    if (is_missing(cell)) continue;
    ++filled;
    texts += read_number(cell, records.mark) ? 0 : 1;
    alike += cell == text ? 1 : 0;
  }
  if (texts == filled && texts > 1) {
    return fmt::format("; all {} rows have such texts: write the numbers alone", texts);
  }
  if (texts > alike)
    return fmt::format("; {} of {} rows have such texts: mend them", texts, filled);
  const bool filter = text.size() <= 60 && text.find_first_of("'=<>!") == std::string_view::npos;
  if (!filter) return "";
  return fmt::format("; mend it, or leave such rows out: --where '{}!={}'", records.columns[column],
                     text);
}

}  // namespace

std::size_t Records::column(std::string_view wanted) const {
  const auto first = std::find(columns.begin(), columns.end(), wanted);
  if (first == columns.end()) {
    throw std::invalid_argument(fmt::format("{}: there is no column '{}'; the file ({}) has: {}{}",
                                            name, wanted, format, fmt::join(columns, ", "),
                                            did_you_mean(wanted, columns)));
  }
  if (const auto second = std::find(first + 1, columns.end(), wanted); second != columns.end()) {
    throw std::invalid_argument(
        fmt::format("{}: there are two columns '{}', the {}. and the {}.; give one of them another "
                    "name in the header",
                    name, wanted, first - columns.begin() + 1, second - columns.begin() + 1));
  }
  return static_cast<std::size_t>(first - columns.begin());
}

bool Records::has(std::string_view wanted) const {
  return std::find(columns.begin(), columns.end(), wanted) != columns.end();
}

std::string Records::place(std::size_t row) const {
  return fmt::format("{} {}", lines_are_rows ? "row" : "line", lines[row]);
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

std::vector<std::size_t> summed_columns(const Records& records, const std::string& sum) {
  std::vector<std::size_t> out;
  for (const std::string& name : records.has(sum) ? std::vector{sum} : split_sum(sum)) {
    out.push_back(records.column(name));
  }
  return out;
}

std::string text_in(const Records& records, std::size_t row, std::size_t column) {
  return std::string(trimmed(records.rows[row][column]));
}

double number_in(const Records& records, std::size_t row, std::size_t column) {
  const std::string_view text = trimmed(records.rows[row][column]);
  const auto fail = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("{}, {}: column '{}' {}", records.name,
                                            records.place(row), records.columns[column], what));
  };
  if (text.empty()) fail("is empty; --drop-missing leaves such rows out");
  const std::optional<WrittenNumber> number = read_number(text, records.mark);
  if (number && number->too_large) fail(fmt::format("is '{}', beyond a double", text));
  if (is_missing(text) || (number && !std::isfinite(number->value))) {
    fail(fmt::format("is '{}', expected a finite number; --drop-missing leaves such rows out",
                     text));
  }
  if (!number) {
    fail(fmt::format("is '{}', expected a number such as 1.5e9{}", text.substr(0, 60),
                     mend_text(records, text, column)));
  }
  if (records.mark_in_doubt && text.find(',') != std::string_view::npos &&
      mark_evidence(text) == MarkEvidence::kEither) {
    fail(
        fmt::format("is '{}': thousands, or a decimal comma? Nothing else in the file tells: write "
                    "it without the comma or with a point",
                    text));
  }
  return number->value;
}

void add_row(Records& out, std::vector<std::string> fields, std::size_t line,
             std::vector<std::size_t>& trailing) {
  const std::size_t width = out.columns.size();
  const std::size_t before = fields.size();
  while (fields.size() > width && trimmed(fields.back()).empty()) fields.pop_back();
  if (fields.size() != width) {
    throw std::invalid_argument(
        fmt::format("{}, line {}: {} fields where the header has {} columns ({}){}", out.name, line,
                    fields.size(), width, out.format,
                    fields.size() > width && out.format == "csv"
                        ? "; numbers with commas need quotes or another separator"
                        : ""));
  }
  if (before != width) trailing.push_back(out.rows.size());
  out.rows.push_back(std::move(fields));
  out.lines.push_back(line);
}

void say_trailing(const std::vector<std::size_t>& trailing, Records& out) {
  if (trailing.empty() || trailing.size() == out.rows.size()) return;
  out.notes.push_back(places(out, trailing) +
                      ": empty fields beyond the header, taken for a trailing separator");
}

std::string line_numbers(std::string_view what, const std::vector<std::size_t>& numbers) {
  const auto shown = std::min(numbers.size(), kPlacesShown);
  std::string out = fmt::format(
      "{}{} {}", what, numbers.size() > 1 ? "s" : "",
      fmt::join(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (numbers.size() > shown) out += fmt::format(" and {} more", numbers.size() - shown);
  return out;
}

std::string places(const Records& records, const std::vector<std::size_t>& rows) {
  std::vector<std::size_t> numbers;
  for (const std::size_t row : rows) numbers.push_back(records.lines[row]);
  return line_numbers(records.lines_are_rows ? "row" : "line", numbers);
}

}  // namespace crosslaw::fit
