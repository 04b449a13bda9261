#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::fit {

// kText fits a page (kPageColumns); kWideText has every column.
enum class TableFormat { kText, kWideText, kMarkdown, kCsv, kLatex };
constexpr bool is_text(TableFormat format) { return format <= TableFormat::kWideText; }

// Columns of a page or a terminal.
inline constexpr std::size_t kPageColumns = 100;

// Cells as they are to be read; the first row of text is the header.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // as many cells as the header
  // A letter a column, as LaTeX has them: "llr". Columns without one are numbers and stand right,
  // but the first, which names the row.
  std::string align;

  bool is_left(std::size_t column) const;
};

// Text: columns padded with blanks; where they do not all fit a page, a last line names those left
// out. Markdown: a pipe table. CSV: RFC 4180 with LF. LaTeX: a
// booktabs tabular. Every form ends with a line break.
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

// What a page shows of a table.
struct NarrowTable {
  Table table;
  std::vector<std::string> left_out;  // headers of the columns that did not fit, intervals apart
};
// The table as far as its text fits into so many columns. Columns go from the right, where the less
// important stand; an estimate goes together with its interval (a header that starts with "95%").
NarrowTable narrowed(const Table& table, std::size_t columns = kPageColumns);

// The text broken at blanks into lines of at most so many columns, those after the first indented.
std::string wrapped(std::string_view text, std::size_t columns = kPageColumns,
                    std::size_t indent = 0);

// A table as LaTeX with a caption, which is LaTeX already.
std::string latex_float(const Table& table, const std::string& caption);

// Columns that a terminal needs for UTF-8 text: Chinese, Japanese and Korean characters take two.
std::size_t display_width(std::string_view text);

// The one way in which people read counts of parameters and tokens. Four significant digits with a
// suffix: 73.19B, 1.312T, 411.6M; 1.235e+20 beyond 1e15.
std::string short_count(double value);
// Four digits for a number of any kind: counts from 10,000 on as short_count.
std::string short_number(double value);

// An interval of such counts, three digits an end: [781M, 1.02B].
std::string short_interval(double low, double high);

// Shortest text that reads back exactly.
std::string exact(double value);

}  // namespace crosslaw::fit
