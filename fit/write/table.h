#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::fit {

enum class TableFormat { kText, kMarkdown, kCsv, kLatex };

// Cells as they are to be read; the first row of text is the header.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // as many cells as the header
  // A letter a column, as LaTeX has them: "llr". Columns without one are numbers and stand right,
  // but the first, which names the row.
  std::string align;

  bool is_left(std::size_t column) const;
};

// Text: columns padded with blanks. Markdown: a pipe table. CSV: RFC 4180 with LF. LaTeX: a
// booktabs tabular with special characters escaped and 1.5e+21 written as a power of ten. Every
// form ends with a line break.
std::string render(const Table& table, TableFormat format);

// Several tables with a blank line between them; those without rows are left out.
std::string render(const std::vector<Table>& tables, TableFormat format);

// A table among others, and what tells it from them.
struct TablePart {
  std::vector<std::string> labels;  // a cell for each column of labels
  Table table;
};

// The parts below each other under one header, their labels first. A column that a part does not
// have is empty there; columns of one name are matched in order.
Table stacked(const std::vector<std::string>& label_header, const std::vector<TablePart>& parts);

// Columns that a terminal needs for UTF-8 text: Chinese, Japanese and Korean characters take two.
std::size_t display_width(std::string_view text);

// The one way in which people read counts of parameters and tokens. Four significant digits with a
// suffix: 73.19B, 1.312T, 411.6M; 1.235e+20 beyond 1e15.
std::string short_count(double value);

// Shortest text that reads back exactly.
std::string exact(double value);

}  // namespace crosslaw::fit
