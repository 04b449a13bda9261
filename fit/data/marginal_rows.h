#pragma once

#include <vector>

#include "fit/data/points.h"
#include "fit/data/record_table.h"

// Rows of a table that are no measurement: blank ones, the header again, totals.
namespace crosslaw::fit {

// Whether a cell names a total of rows: "Total", "SUM:", "Mean ± std", "average over all runs",
// "Gesamt". Every word is one for a total, in several languages, or one that goes with it.
bool names_total(std::string_view cell);

// Leaves such rows out, and says it in the notes. A total is named in a cell of a column in which
// few cells are such names. Throws std::invalid_argument for another header in the middle.
void drop_marginal_rows(Records& records);

// Those of the last rows, at most three, whose numbers of N, D and the loss are each the sum, or
// each the mean, of the rows above them. A cell without a number is no evidence.
std::vector<std::size_t> computed_totals(const Records& records,
                                         const std::vector<std::size_t>& rows,
                                         const std::vector<std::size_t>& columns);

}  // namespace crosslaw::fit
