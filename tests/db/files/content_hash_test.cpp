#include "db/files/content_hash.h"

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {

TEST_CASE("sha256 agrees with FIPS 180-4, in digits and in base64") {
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(sha256("abc") == expected);
  CHECK(sha256_base64("abc") == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  tests::TempFolder folder;
  CHECK(sha256_of_file(folder.write("x", "abc")) == expected);
  CHECK_THAT(tests::message_of([&] { sha256_of_file(folder / "none"); }),
             has_text("none: cannot be read"));
}

// FIPS 180-4's examples; the long ones from NIST's SHA test vectors.
TEST_CASE("SHA-256 gives the published digests, of a text and of a file") {
  const std::vector<std::pair<std::string, std::string>> published = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  tests::TempFolder folder;
  for (const auto& [text, digits] : published) {
    CHECK(sha256(text) == digits);
    CHECK(sha256_of_file(folder.write("file", text)) == digits);
  }
}

// The file is read in pieces of 2^20 bytes.
TEST_CASE("a file's hash does not depend on where the pieces end, and each bit counts") {
  tests::TempFolder folder;
  for (size_t size :
       {(size_t{1} << 20) - 1, size_t{1} << 20, (size_t{1} << 20) + 1, size_t{3} << 20}) {
    std::string bytes(size, '\x5A');
    std::string whole = sha256_of_file(folder.write("file", bytes));
    CHECK(whole == sha256(bytes));
    bytes.back() ^= 1;
    CHECK(sha256_of_file(folder.write("file", bytes)) != whole);
  }
}

TEST_CASE("a file that cannot be read is named") {
  CHECK_THAT(tests::message_of([] { sha256_of_file("/nowhere/x"); }),
             has_text("/nowhere/x: cannot be read"));
  CHECK_THAT(tests::message_of([] { sha256_of_file("/tmp"); }), has_text("/tmp: "));
}

}  // namespace crosslaw::db
