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
             Catch::Contains("none: cannot be read"));
}

}  // namespace crosslaw::db
