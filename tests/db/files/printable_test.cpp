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
