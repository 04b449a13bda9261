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

// Understands separated text (separated_text.h), JSON (json_records.h), Markdown tables and wide
// exports of a W&B line plot; leaves out blank rows, repeated headers and rows of totals, and says
// so in `notes`. `wanted` are columns that must be there: they help to tell the separator. Throws
// std::invalid_argument naming file, line and what is wrong.
Records parse_records(std::string_view text, const std::string& name,
                      const std::vector<std::string>& wanted);

// The bytes of a file. A directory, a missing or unreadable file is std::invalid_argument.
std::string read_text(const std::string& path);

// 64-bit FNV-1a of the bytes, in hexadecimal: says whether two fits saw the same file.
std::string fingerprint(std::string_view bytes);

// A field without the blanks around it.
std::string text_in(const Records& records, std::size_t row, std::size_t column);

// A finite number as read_number() takes it, the whole field; else std::invalid_argument whose
// message names file, line and column.
double number_in(const Records& records, std::size_t row, std::size_t column);

// "lines 3, 8, 9 and 4 more": where the rows stand, the first few of them.
std::string places(const Records& records, const std::vector<std::size_t>& rows);

}  // namespace crosslaw::fit
