#pragma once

#include <string>
#include <string_view>

namespace crosslaw::db {

// The text as it may be shown on a terminal, whoever wrote it: control characters (but the ends of
// lines and tabs), what turns the direction of writing, and bytes that are no UTF-8 become visible
// as \x1b or \u202e. A terminal obeys them otherwise: they colour, erase, and change its title.
std::string printable(std::string_view text);

// Whether printable() leaves the text as it is, and it has neither line ends nor tabs: a name.
bool is_plain_name(std::string_view text);

}  // namespace crosslaw::db
