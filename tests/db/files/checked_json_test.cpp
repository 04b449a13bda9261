#include "db/files/checked_json.h"

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"

namespace crosslaw::db {

TEST_CASE("every flipped bit of a checked file shows") {
  const std::string text =
      checked_text({{"version", 2}, {"name", "é \"quoted\""}, {"loss", 2.0 / 3}});
  CHECK(is_checked(text, nlohmann::json::parse(text)));
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    const nlohmann::json parsed = nlohmann::json::parse(flipped, nullptr, false);
    INFO(bit << ": " << flipped);
    REQUIRE_FALSE(is_checked(flipped, parsed));
  }
  for (std::size_t length = 0; length < text.size(); ++length) {
    const std::string cut = text.substr(0, length);
    REQUIRE_FALSE(is_checked(cut, nlohmann::json::parse(cut, nullptr, false)));
  }
}

TEST_CASE("a file without a hash, or with one of another field, is not checked") {
  const std::string plain = R"({"a": 1})", other = checked_text({{"a", 1}}, "own");
  CHECK_FALSE(is_checked(plain, nlohmann::json::parse(plain)));
  CHECK_FALSE(is_checked(other, nlohmann::json::parse(other)));
  CHECK(is_checked(other, nlohmann::json::parse(other), "own"));
}

}  // namespace crosslaw::db
