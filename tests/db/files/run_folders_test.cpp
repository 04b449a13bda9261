#include "db/files/run_folders.h"

#include <stdexcept>

#include "tests/support/catch.h"

namespace crosslaw::db {

TEST_CASE("folders are named by a key and numbers alone") {
  const std::string key = std::string(60, 'a') + "0123";
  CHECK(attempt_folder(key, 7) == "runs/" + key + "/attempt-7");
  CHECK(checkpoint_name(120) == "checkpoint-00000120");
  CHECK(checkpoint_name(1'234'567'890) == "checkpoint-1234567890");
}

TEST_CASE("what is no key names no folder") {
  const std::string key(64, 'a');
  CHECK(is_run_key(key));
  for (std::string other :
       {std::string(), std::string("k"), key + "a", key.substr(1), std::string(64, 'A'),
        "../" + key.substr(3), key.substr(1) + "/", key.substr(1) + std::string(1, '\0')}) {
    INFO(other);
    CHECK_FALSE(is_run_key(other));
    CHECK_THROWS_AS(run_folder(other), std::invalid_argument);
    CHECK_THROWS_AS(attempt_folder(other, 1), std::invalid_argument);
  }
}

TEST_CASE("an attempt's number is read from its one form") {
  CHECK(attempt_number("attempt-1") == 1);
  CHECK(attempt_number("attempt-4000000000") == 4'000'000'000);
  for (const char* other :
       {"attempt-", "attempt-0", "attempt--1", "attempt-01", "attempt-1 ", "attempt-1/..",
        "attempt-99999999999999999999", "Attempt-1", "checkpoint-00000001"}) {
    INFO(other);
    CHECK_FALSE(attempt_number(other));
  }
}

}  // namespace crosslaw::db
