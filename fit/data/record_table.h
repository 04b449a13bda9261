#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "fit/data/number_text.h"

namespace crosslaw::fit {

// A table of text as it stands in a file, nothing interpreted yet.
struct Records {
  std::string name;    // of the file, for messages
  std::string format;  // "csv", "tsv", "json lines", ...
  std::vector<std::string> columns;
  // What a row of units under the header says, one a column; empty: there is no such row.
  std::vector<std::string> units;
  std::vector<std::vector<std::string>> rows;  // as many fields as columns; missing JSON keys: ""
  std::vector<std::size_t> lines;              // where each row starts, 1-based
  bool lines_are_rows = false;                 // of a JSON document: its rows are counted instead
  DecimalMark mark = DecimalMark::kPoint;
  bool mark_in_doubt = false;      // nothing in the file tells what "3,456" is
  std::vector<std::string> notes;  // what was left out or turned round, by which rule

  // Position of a column; throws std::invalid_argument when it is missing or there twice.
  std::size_t column(std::string_view name) const;
  bool has(std::string_view name) const;
  // "line 7", or "row 7" of a JSON document.
  std::string place(std::size_t row) const;
};

// "blocks+embedding" as its parts.
std::vector<std::string> split_sum(const std::string& sum);
// The columns that a name of a sum such as "blocks+embedding" stands for.
std::vector<std::size_t> summed_columns(const Records& records, const std::string& sum);

// A field without the blanks around it.
std::string text_in(const Records& records, std::size_t row, std::size_t column);

// A finite number as read_number() takes it, the whole field; else std::invalid_argument whose
// message names file, line and column.
double number_in(const Records& records, std::size_t row, std::size_t column);

// Adds a row of text. Empty fields beyond the header are a trailing separator, and the row's place
// goes to `trailing`. Throws std::invalid_argument for any other width than the header's.
void add_row(Records& out, std::vector<std::string> fields, std::size_t line,
             std::vector<std::size_t>& trailing);
// Notes such rows, unless all are: then it is the style of the file.
void say_trailing(const std::vector<std::size_t>& trailing, Records& out);

// "lines 3, 8, 9 and 4 more", the first few of them.
std::string line_numbers(std::string_view what, const std::vector<std::size_t>& numbers);
// The same of rows: where the rows stand, the first few of them.
std::string places(const Records& records, const std::vector<std::size_t>& rows);

}  // namespace crosslaw::fit
