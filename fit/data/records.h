#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::fit {

// A table of text as it stands in a file, nothing interpreted yet.
struct Records {
  std::string name;    // of the file, for messages
  std::string format;  // "csv", "tsv", "json lines", ...
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // as many fields as columns; missing JSON keys: ""
  std::vector<std::size_t> lines;              // where each row starts, 1-based

  // Position of a column; throws std::invalid_argument when it is missing or there twice.
  std::size_t column(std::string_view name) const;
  bool has(std::string_view name) const;
};

// Understands comma, tab, semicolon, bar or blanks as separator, fields in double quotes (with ""
// inside and line breaks), LF, CRLF and CR line ends, a UTF-8 byte order mark, blank lines; and
// JSON lines or one JSON array of objects. `wanted` are columns that must be there: they help to
// tell the separator. Throws std::invalid_argument naming file, line and what is wrong.
Records parse_records(std::string_view text, const std::string& name,
                      const std::vector<std::string>& wanted);

// The bytes of a file. A directory, a missing or unreadable file is std::invalid_argument.
std::string read_text(const std::string& path);

// 64-bit FNV-1a of the bytes, in hexadecimal: says whether two fits saw the same file.
std::string fingerprint(std::string_view bytes);

// A field without the blanks around it.
std::string text_in(const Records& records, std::size_t row, std::size_t column);

// A finite number, the whole field, blanks around it allowed; else std::invalid_argument whose
// message names file, line and column.
double number_in(const Records& records, std::size_t row, std::size_t column);

}  // namespace crosslaw::fit
