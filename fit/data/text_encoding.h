#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace crosslaw::fit {

// The text as UTF-8 where the bytes are UTF-16 (spreadsheets save "Unicode text" so), by its byte
// order mark, or because every second byte of the beginning is NUL. Absent: it is no UTF-16. Half a
// character at the end or an unpaired surrogate becomes U+FFFD.
std::optional<std::string> from_utf16(std::string_view bytes);

}  // namespace crosslaw::fit
