#include "db/files/printable.h"

#include "tests/support/catch.h"

namespace crosslaw::db {

TEST_CASE("what people write is shown as it is") {
  for (const char* text :
       {"", "scratch-fr 2.1M", "中文", "naïve\tcafé\nzwei", "\xF0\x9F\x98\x80"}) {
    CHECK(printable(text) == text);
  }
}

TEST_CASE("what a terminal would obey is shown instead") {
  CHECK(printable("\x1b[2Jfr") == "\\x1b[2Jfr");
  CHECK(printable("a\rb\x07\x7f") == "a\\x0db\\x07\\x7f");
  CHECK(printable("\xC2\x9B"
                  "31m") == "\\u009b31m");  // CSI as one character
  CHECK(printable("\x9B"
                  "31m") == "\\x9b31m");  // and as one byte
  CHECK(printable("\xE2\x80\xAE"
                  "exe.txt") == "\\u202eexe.txt");  // right to left
  CHECK(printable("\xE2\x81\xA6x") == "\\u2066x");
  CHECK(printable(std::string("a\0b", 3)) == "a\\x00b");
  CHECK(printable("cut \xE4\xB8") == "cut \\xe4\\xb8");
}

TEST_CASE("what changes directions or ends lines is shown, its neighbours are as they are") {
  const auto utf8 = [](unsigned code) {
    if (code < 0x800)
      return std::string{static_cast<char>(0xC0 | code >> 6),
                         static_cast<char>(0x80 | (code & 63))};
    return std::string{static_cast<char>(0xE0 | code >> 12),
                       static_cast<char>(0x80 | (code >> 6 & 63)),
                       static_cast<char>(0x80 | (code & 63))};
  };
  for (const unsigned code : {0x80u, 0x9Fu, 0x200Eu, 0x200Fu, 0x2028u, 0x202Eu, 0x2066u, 0x2069u}) {
    INFO(code);
    CHECK(printable(utf8(code)).starts_with("\\u"));
  }
  // No-break space, zero-width joiner, hyphen, hyphenation point, narrow no-break space.
  for (const unsigned code : {0xA0u, 0x200Du, 0x2010u, 0x2027u, 0x202Fu, 0x2065u, 0x206Au}) {
    INFO(code);
    CHECK(printable(utf8(code)) == utf8(code));
  }
}

TEST_CASE("no byte that could be obeyed is left of any two bytes") {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      const std::string shown = printable(text);
      for (const char c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= 0x20 && byte != 0x7F) || byte == '\n' || byte == '\t';
        REQUIRE(plain);
      }
      // Characters from U+0080 to U+009F begin with C2.
      REQUIRE_FALSE(
          (shown.size() == 2 && shown[0] == '\xC2' && static_cast<unsigned char>(shown[1]) < 0xA0));
      REQUIRE(printable(shown) == shown);
    }
  }
}

TEST_CASE("a name has one line") {
  CHECK(is_plain_name("fr 中"));
  for (const char* text : {"a\nb", "a\tb", "\x1b", "\xff"}) CHECK_FALSE(is_plain_name(text));
}

}  // namespace crosslaw::db
