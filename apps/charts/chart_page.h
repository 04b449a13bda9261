#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/charts/figure.h"
#include "fit/write/table.h"

namespace crosslaw::charts {

struct NamedTable {
  std::string title;
  fit::Table table;
};

// Charts with what is to be said about them, before it is known how they are written.
struct Document {
  Heading heading;
  std::string formula;                 // of the law, as Law::formula; empty: none
  std::string in_short;                // the tables in one line, where there is no room for them
  std::vector<std::string> sentences;  // how far the fit can be trusted
  std::vector<NamedTable> tables;
  std::vector<Panel> panels;
};

// The document as one HTML page: nothing is fetched and nothing runs, so it opens anywhere, prints,
// and can be mailed. Every string is treated as untrusted text.
std::string html_page(const Document& document);

// The document as one SVG drawing of all panels.
std::string svg_page(const Document& document);

// A <table> with escaped cells; the first row is the header, the first column names the rows.
std::string html_table(const fit::Table& table);

// "N^alpha" with the exponent raised and Greek letters, escaped otherwise.
std::string html_formula(std::string_view formula);

}  // namespace crosslaw::charts
