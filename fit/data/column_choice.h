#pragma once

#include <string>
#include <vector>

#include "fit/data/column_role.h"
#include "fit/data/data_file_options.h"

// Which of several columns that could be meant is meant, by their numbers.
namespace crosslaw::fit {

// The guess, or the first of its others for which it gives way: a lone letter whose numbers are
// none of its role ("n" may count seeds, "D" the width) to a column whose numbers are; tokens that
// are fixed for each value of the column `params` (planned ones) to tokens that are not. What was
// passed over is said.
ColumnGuess column_by_numbers(const Records& records, Role role, ColumnGuess guess,
                              const std::string& params);

// The columns that are named as N, D, C or the loss, or taken for something else.
std::vector<std::string> taken_columns(const Records& records, const DataFileOptions& options);

}  // namespace crosslaw::fit
