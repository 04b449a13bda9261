#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// Understands separated text (separated_text.h), JSON (json_records.h), tables with bars
// (bar_table.h), objects in cells and wide exports of a W&B line plot; leaves out blank rows,
// repeated headers and rows of totals, and says so in `notes`. `wanted` are columns that must be
// there: they help to tell the separator. Throws std::invalid_argument naming file, line and what
// is wrong.
Records parse_records(std::string_view text, const std::string& name,
                      const std::vector<std::string>& wanted);

// The bytes of a file. A directory, a missing or unreadable file is std::invalid_argument.
std::string read_text(const std::string& path);

// 64-bit FNV-1a of the bytes, in hexadecimal: says whether two fits saw the same file.
std::string fingerprint(std::string_view bytes);

}  // namespace crosslaw::fit
