#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fit/frontier/isoflop.h"
#include "fit/frontier/training_envelope.h"
#include "fit/write/table.h"

namespace crosslaw::fit {

// What a person or a program reads of approaches 1 and 2: the budgets or the envelope, the power
// laws, and the answers at the budgets asked for. Text adds how it was done and every warning;
// Markdown and LaTeX are the tables alone; CSV is the tables with every number in full, separated
// by blank lines.
std::string render(const IsoflopFit& fit, TableFormat format);
std::string render(const TrainingEnvelopeFit& fit, TableFormat format);

// The tables that render() prints: budgets or envelope, power laws, answers; rows may be empty.
std::vector<Table> tables(const IsoflopFit& fit, TableFormat format);
std::vector<Table> tables(const TrainingEnvelopeFit& fit, TableFormat format);
// In full and in one table: the budgets that were asked for, else the measured ones or the segments
// of the envelope, the power laws in columns of each row.
Table csv(const IsoflopFit& fit);
Table csv(const TrainingEnvelopeFit& fit);

// One line for each budget without a minimum to use, those with too few sizes counted together.
std::string describe_left_out(const IsoflopFit& fit);

// {"schema": 1, "method", "n_is", ..., "laws": {"params": {"constant", "exponent", "rms"}, ...},
// "rows": [{"flops", "params", ...}], "warnings"}; absent values are null.
nlohmann::ordered_json to_json(const IsoflopFit& fit);
nlohmann::ordered_json to_json(const TrainingEnvelopeFit& fit);

}  // namespace crosslaw::fit
