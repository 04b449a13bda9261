#include "fit/data/text_encoding.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace crosslaw::fit {
namespace {

constexpr std::size_t kBytesLookedAt = 200;
constexpr std::uint32_t kReplacement = 0xfffd;

enum class ByteOrder { kNone, kLittle, kBig };

// Without a mark: letters and digits of UTF-16 have a NUL beside them, always on the same side.
ByteOrder guessed_order(std::string_view bytes) {
  std::size_t even = 0, odd = 0;
  const std::size_t looked = std::min(bytes.size(), kBytesLookedAt) / 2 * 2;
  for (std::size_t i = 0; i < looked; ++i) {
    if (bytes[i] == '\0') ++(i % 2 == 0 ? even : odd);
  }
  if (looked < 8) return ByteOrder::kNone;
  if (even == 0 && 4 * odd > looked) return ByteOrder::kLittle;
  return odd == 0 && 4 * even > looked ? ByteOrder::kBig : ByteOrder::kNone;
}

void append_utf8(std::uint32_t c, std::string& out) {
  const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return add(c);
  if (c < 0x800) {
    add(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      add(0xe0 | c >> 12);
    } else {
      add(0xf0 | c >> 18);
      add(0x80 | (c >> 12 & 0x3f));
    }
    add(0x80 | (c >> 6 & 0x3f));
  }
  add(0x80 | (c & 0x3f));
}

}  // namespace

std::optional<std::string> from_utf16(std::string_view bytes) {
  ByteOrder order = ByteOrder::kNone;
  if (bytes.starts_with("\xff\xfe")) order = ByteOrder::kLittle;
  if (bytes.starts_with("\xfe\xff")) order = ByteOrder::kBig;
  const std::size_t begin = order == ByteOrder::kNone ? 0 : 2;
  if (order == ByteOrder::kNone) order = guessed_order(bytes);
  if (order == ByteOrder::kNone) return std::nullopt;
  const auto unit = [&](std::size_t at) {
    const auto one = static_cast<unsigned char>(bytes[at]);
    const auto two = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint32_t>(order == ByteOrder::kLittle ? one | two << 8
                                                                  : one << 8 | two);
  };
  std::string out;
  out.reserve(bytes.size() / 2);
  std::size_t at = begin;
  for (; at + 1 < bytes.size(); at += 2) {
    std::uint32_t c = unit(at);
    if (c >= 0xd800 && c < 0xe000) {  // one half of a character beyond 16 bits
      const std::uint32_t low = c < 0xdc00 && at + 3 < bytes.size() ? unit(at + 2) : 0;
      const bool paired = low >= 0xdc00 && low < 0xe000;
      c = paired ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : kReplacement;
      if (paired) at += 2;
    }
    append_utf8(c, out);
  }
  if (at < bytes.size()) append_utf8(kReplacement, out);
  return out;
}

}  // namespace crosslaw::fit
