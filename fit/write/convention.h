#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "fit/solve/fit_result.h"
#include "fit/write/table.h"

// How N and C are counted and what the loss is in: every output says so.
namespace crosslaw::fit {

// "N: column N; C: 6ND; loss: column loss, taken for nats". What is not known is as in the fit.
std::string describe(const Convention& convention);

// That line as it stands before tables: text and Markdown show it, LaTeX has a comment; CSV has it
// in columns.
std::string convention_note(const Convention& convention, TableFormat format);

nlohmann::ordered_json to_json(const Convention& convention);

// With the columns params_convention, compute_convention and loss_convention at the end of each
// row: rows are put beside those of other files.
Table with_convention(Table table, const Convention& convention);

}  // namespace crosslaw::fit
