#pragma once

#include <string>
#include <vector>

#include "fit/data/records.h"

namespace crosslaw::fit {

// Whether a row of records satisfies "COLUMN=VALUE" (or != < <= > >=); one answer a row. Numbers,
// as people write them, are compared as numbers. Throws std::invalid_argument.
std::vector<bool> rows_with(const Records& records, const std::string& condition);

// What the column holds instead, for a condition that no row satisfies: "; 'dataset' holds c4,
// pile"; the one nearest by spelling alone, where there is one. "" for conditions on numbers.
std::string values_instead(const Records& records, const std::string& condition);

// Whether a number satisfies a condition, whatever column it names.
bool number_holds(double value, const std::string& condition);

// The name of the column in a condition; "" where it is none.
std::string column_of_condition(const std::string& condition);
// Whether a condition compares with a number.
bool compares_number(const std::string& condition);

}  // namespace crosslaw::fit
