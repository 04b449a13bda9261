#include "fit/data/text_encoding.h"

#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

// ASCII as UTF-16, the NUL behind or before each character.
std::string wide(std::string_view text, bool little) {
  std::string out;
  for (const char c : text) {
    if (!little) out += '\0';
    out += c;
    if (little) out += '\0';
  }
  return out;
}

}  // namespace

TEST_CASE("UTF-16 is told by its mark, or by a NUL beside each letter") {
  for (const bool little : {true, false}) {
    const std::string bare = wide("N,D,loss\n1,2,3\n", little);
    const std::string mark = little ? "\xff\xfe" : "\xfe\xff";
    CHECK(from_utf16(bare) == "N,D,loss\n1,2,3\n");
    CHECK(from_utf16(mark + bare) == "N,D,loss\n1,2,3\n");
    CHECK(from_utf16(mark) == "");
  }
}

TEST_CASE("What is no UTF-16 stays as it is") {
  CHECK_FALSE(from_utf16("N,D,loss\n1,2,3\n"));
  CHECK_FALSE(from_utf16(""));
  CHECK_FALSE(from_utf16(std::string("N,D\0loss,1,2,3", 14)));
  CHECK_FALSE(from_utf16(std::string(40, '\0')));
}

TEST_CASE("Characters of every length come through, halves become replacement characters") {
  using namespace std::string_literals;
  // A umlaut, Chinese, and beyond 16 bits (U+1F600 is D83D DE00).
  CHECK(from_utf16("\xff\xfe\xe4\x00\x2d\x4e\x3d\xd8\x00\xde"s) ==
        "\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80");
  CHECK(from_utf16("\xff\xfe\x3d\xd8x\x00"s) == "\xef\xbf\xbdx");
  CHECK(from_utf16("\xff\xfe\x3d\xd8"s) == "\xef\xbf\xbd");
  CHECK(from_utf16("\xff\xfex\x00y"s) == "x\xef\xbf\xbd");
}
