#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fit/data/record_table.h"

namespace crosslaw::fit {

// Comma, tab, semicolon, bar or blanks as separator (that one under which most wanted columns are
// found, and then most rows are as wide as the header; or the one that a first line "sep=;" names),
// fields in double quotes (with "" inside and line breaks), LF, CRLF and CR line ends, blank lines,
// lines of comment that start with #, of which the last may be the header. Throws
// std::invalid_argument for a row of another width than the header, an open quote, no header.
Records parse_separated_text(std::string_view text, const std::string& name,
                             const std::vector<std::string>& wanted);

}  // namespace crosslaw::fit
