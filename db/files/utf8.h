#pragma once

#include <cstddef>
#include <string_view>

namespace crosslaw::db {

// Bytes of the UTF-8 character (RFC 3629) that begins at text[at]: 1 to 4, or 0 where the bytes are
// none: a lone continuation, an overlong form, a surrogate, beyond U+10FFFF, cut off.
constexpr std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(at + k) & 0xC0) != 0x80) return 0;
  }
  // Whatever is wrong with a well-shaped character shows in its second byte (RFC 3629, section 4).
  const unsigned char next = byte(at + 1);
  const bool overlong = (lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90);
  const bool surrogate = lead == 0xED && next > 0x9F;
  const bool too_large = lead == 0xF4 && next > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace crosslaw::db
