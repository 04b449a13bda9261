#include "db/files/utf8.h"

#include "tests/support/catch.h"

namespace crosslaw::db {

TEST_CASE("the length of a character is 0 exactly where RFC 3629 forbids its bytes") {
  CHECK(utf8_length("a", 0) == 1);
  CHECK(utf8_length("\xC3\xA9", 0) == 2);
  CHECK(utf8_length("x\xE4\xB8\xAD", 1) == 3);
  CHECK(utf8_length("\xF4\x8F\xBF\xBF", 0) == 4);  // U+10FFFF
  CHECK(utf8_length("\xF4\x90\x80\x80", 0) == 0);  // beyond
  CHECK(utf8_length("\xC3\xA9", 1) == 0);          // lone continuation
  CHECK(utf8_length("\xC1\xBF", 0) == 0);          // overlong
  CHECK(utf8_length("\xE0\x9F\xBF", 0) == 0);      // overlong
  CHECK(utf8_length("\xE0\xA0\x80", 0) == 3);      // the shortest of three bytes
  CHECK(utf8_length("\xED\x9F\xBF", 0) == 3);      // before the surrogates
  CHECK(utf8_length("\xED\xA0\x80", 0) == 0);      // the first of them
  CHECK(utf8_length("\xF0\x8F\xBF\xBF", 0) == 0);  // overlong
  CHECK(utf8_length("\xE4\xB8", 0) == 0);          // cut off
}

}  // namespace crosslaw::db
