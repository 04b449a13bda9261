#include "db/files/printable.h"

#include <fmt/format.h>

#include "db/files/utf8.h"

namespace crosslaw::db {
namespace {

// Of a well-formed character of two or three bytes; others are not asked for.
unsigned code_point(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  return bytes.size() == 2 ? (byte(0) & 0x1Fu) << 6u | (byte(1) & 0x3Fu)
                           : (byte(0) & 0x0Fu) << 12u | (byte(1) & 0x3Fu) << 6u | (byte(2) & 0x3Fu);
}

// C1 controls; marks, embeddings, overrides and isolates of direction; ends of lines of Unicode.
bool is_obeyed(unsigned code) {
  return (code >= 0x80 && code <= 0x9F) || code == 0x200E || code == 0x200F ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text, at);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    const std::string_view bytes = text.substr(at, length);
    if (length == 0 || control) {
      out += fmt::format("\\x{:02x}", byte);
    } else if ((length == 2 || length == 3) && is_obeyed(code_point(bytes))) {
      out += fmt::format("\\u{:04x}", code_point(bytes));
    } else {
      out += bytes;
    }
    at += length == 0 ? 1 : length;
  }
  return out;
}

bool is_plain_name(std::string_view text) {
  return text.find_first_of("\n\t") == std::string_view::npos && printable(text) == text;
}

}  // namespace crosslaw::db
