#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// Rows of JSON: one object a line; or one document: an array of objects, the orients of pandas'
// to_json (records, index, columns, split, table; "values" names no columns and is refused unless
// its first row does), an object of lists, an object of runs by name (its keys become the column
// "key"), or one of these as the only table under some key. Objects inside a row become columns by
// dotted paths, "config.model.params"; {"value": x} is x. NaN and Infinity, which Python writes and
// JSON does not know, are missing values. Throws std::invalid_argument.
Records parse_json_records(std::string_view text, const std::string& name);

using NamedCell = std::pair<std::string, std::string>;  // column and text

// The values of one JSON object by dotted paths that begin with `path`. Absent: it is none.
std::optional<std::vector<NamedCell>> object_fields(std::string_view text, const std::string& path);

}  // namespace crosslaw::fit
