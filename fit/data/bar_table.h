#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// The tables of a text that have bars between columns and a rule under the header: Markdown's, or
// as terminals, Org and libraries (Rich, Polars, DuckDB) draw them. Absent (no columns): there is
// none. Tables with one header are one table. Of those with different headers that is taken which
// has most of the `wanted` columns, then of those that a fit needs; the others, and text beside the
// tables, are left out and said in `notes`. Throws std::invalid_argument naming the line for a row
// of another width than the header or without a header, and for two tables with different headers
// of which neither says more.
Records parse_bar_tables(std::string_view text, const std::string& name,
                         const std::vector<std::string>& wanted);

}  // namespace crosslaw::fit
