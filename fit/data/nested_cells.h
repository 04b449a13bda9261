#pragma once

#include <string>
#include <string_view>

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// Columns whose cells are objects as JSON or Python writes them, such as `config` and `summary` of
// a table of W&B runs, become one column for each value, by dotted paths ("config.n_params"), and
// that is said in `notes`. A column of which some cell is no such object stays as it is.
void expand_nested_cells(Records& records);

// A Python literal as JSON: quotes, None, True, False, nan, inf and tuples in JSON's spelling.
// What Python writes and this does not know comes out as no JSON.
std::string python_as_json(std::string_view text);

}  // namespace crosslaw::fit
