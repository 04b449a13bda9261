#include "sweep/spec/toml_section.h"

#include <functional>
#include <map>

#include "sweep/spec/spec.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

using tests::message_of;

// Each key on a line of its own, so that the line tells which one an error names.
constexpr const char* kText = R"(text = "word"
whole = 7
  half = 0.5
large = 1e6
yes = true
day = 1979-05-27
list = [1, 2.5]
  [table]
  inner = "x"
[[rows]]
n = 1
[[rows]]
n = 2
)";

struct Parsed {
  toml::table table = toml::parse(kText);
  TomlSection root{table, "", "a.toml"};
};

// The error of one request, by a fresh section.
std::string error(const std::function<void(TomlSection&)>& request) {
  Parsed p;
  CHECK_THROWS_AS(request(p.root), SpecError);
  return message_of([&] { request(p.root); });
}

}  // namespace

TEST_CASE("values are read as what they are, whole numbers as either kind") {
  Parsed p;
  TomlSection& s = p.root;
  CHECK(s.text("text") == "word");
  CHECK(s.text("none", "other") == "other");
  CHECK(s.integer("whole") == 7);
  CHECK(s.integer("large") == 1'000'000);
  CHECK(s.integer("none", -3) == -3);
  CHECK(s.number("whole") == 7.0);
  CHECK(s.number("half") == 0.5);
  CHECK(s.number("none", 0.25) == 0.25);
  CHECK(s.boolean("yes", false));
  CHECK(s.boolean("none", true));
  CHECK(s.numbers("list", {}) == std::vector<double>{1, 2.5});
  CHECK(s.integers("none", {4}) == std::vector<int64_t>{4});
  CHECK(s.section("table").text("inner") == "x");
  CHECK(s.sections("rows").at(1).integer("n") == 2);
  CHECK(s.has("day"));
  CHECK_NOTHROW(s.finish());
}

TEST_CASE("a wrong kind names file, line, column, key, what was expected and what was found") {
  using Request = std::function<void(TomlSection&)>;
  const std::vector<std::pair<Request, std::string>> all = {
      {[](auto& s) { s.integer("text"); },
       "a.toml:1:1: text: expected a whole number, found the text \"word\""},
      {[](auto& s) { s.number("text", 1.0); }, "a.toml:1:1: text: expected a number, found"},
      {[](auto& s) { s.text("whole"); },
       "a.toml:2:1: whole: expected text in quotes, found the number 7"},
      {[](auto& s) { s.integer("half"); },
       "a.toml:3:3: half: expected a whole number, found the number 0.5"},
      {[](auto& s) { s.text("large", ""); }, "a.toml:4:1: large: expected text in quotes"},
      {[](auto& s) { s.number("yes"); }, "a.toml:5:1: yes: expected a number, found true"},
      {[](auto& s) { s.integer("day"); }, "a.toml:6:1: day: expected a whole number, found a date"},
      {[](auto& s) { s.boolean("list", false); },
       "a.toml:7:1: list: expected true or false, found an array"},
      {[](auto& s) { s.integers("list", {}); },
       "a.toml:7:1: list: expected whole numbers, found the number 2.5"},
      {[](auto& s) { s.texts("list"); },
       "a.toml:7:1: list: expected texts in quotes, found the number 1"},
      {[](auto& s) { s.numbers("whole", {}); },
       "a.toml:2:1: whole: expected an array of numbers, found the number 7"},
      {[](auto& s) { s.section("whole"); }, "a.toml:2:1: whole: expected a table"},
      {[](auto& s) { s.section("list"); }, "found an array"},
      {[](auto& s) { s.sections("table"); }, "table: expected [[table]] tables, found a table"},
      {[](auto& s) { s.sections("list"); },
       "a.toml:7:1: list: expected tables, found the number 1"},
      {[](auto& s) { s.section("table").integer("inner"); },
       "a.toml:9:3: table.inner: expected a whole number, found the text \"x\""},
      {[](auto& s) { s.sections("rows")[1].text("n"); },
       "a.toml:13:1: rows.n: expected text in quotes, found the number 2"},
  };
  for (const auto& [request, message] : all) CHECK_THAT(error(request), has_text(message));
}

TEST_CASE("a missing key is named in its section") {
  CHECK_THAT(error([](auto& s) { s.text("none"); }), has_text("none: is missing"));
  CHECK_THAT(error([](auto& s) { s.section("none"); }), has_text("none: is missing"));
  CHECK_THAT(error([](auto& s) { s.sections("none"); }), has_text("none: is missing"));
  CHECK_THAT(error([](auto& s) { s.section("table").number("none"); }),
             has_text("a.toml:8:") && has_text("table.none: is missing"));
  CHECK_THAT(error([](auto& s) { s.sections("rows")[1].integer("m"); }),
             has_text("a.toml:12:") && has_text("rows.m: is missing"));
}

TEST_CASE("numbers that are none, or too large to be whole, are refused") {
  for (const char* value : {"nan", "inf", "-inf", "+nan"}) {
    toml::table table = toml::parse(std::string("x = ") + value);
    TomlSection s(table, "", "a.toml");
    CHECK_THROWS_AS(s.number("x"), SpecError);
    CHECK_THROWS_AS(s.integer("x"), SpecError);
  }
  for (const auto& [value, whole] : std::vector<std::pair<std::string, std::optional<int64_t>>>{
           {"9e15", std::nullopt},
           {"8.9e15", 8'900'000'000'000'000},
           {"-8.9e15", -8'900'000'000'000'000},
           {"1e-3", std::nullopt},
           {"-0.0", 0},
           {"9223372036854775807", INT64_MAX},
           {"0xFF", 255},
           {"1_000", 1000}}) {
    toml::table table = toml::parse("x = " + value);
    TomlSection s(table, "", "a.toml");
    INFO(value);
    if (whole) {
      CHECK(s.integer("x") == *whole);
    } else {
      CHECK_THROWS_AS(s.integer("x"), SpecError);
    }
  }
}

TEST_CASE("what nothing asked for is refused with the nearest word that would have been right") {
  const std::vector<std::string> known = {"learning_rate", "warmup", "seed", "tokens"};
  for (const auto& [typed, guess] :
       std::vector<std::pair<std::string, std::string>>{{"learning_rat", "learning_rate"},
                                                        {"learningrate", "learning_rate"},
                                                        {"lerning_rte", "learning_rate"},
                                                        {"sed", "seed"},
                                                        {"seeds", "seed"},
                                                        {"token", "tokens"},
                                                        {"wramup", "warmup"},
                                                        {"elephant", ""},
                                                        {"x_y_z_w", ""}}) {
    toml::table table = toml::parse("\n" + typed + " = 1");
    TomlSection s(table, "train", "a.toml");
    for (const std::string& key : known) s.has(key);
    std::string message = message_of([&] { s.finish(); });
    CHECK_THAT(message, has_text("a.toml:2:1: train." + typed + ": unknown key; "));
    CHECK_THAT(message, has_text(guess.empty() ? "known here: learning_rate, seed, tokens, warmup"
                                               : "did you mean " + guess + "?"));
  }
}

TEST_CASE("each() goes through tables and refuses what is none") {
  toml::table table = toml::parse("[fr]\na = 1\n[en]\na = 2\n");
  TomlSection s(table, "language", "a.toml");
  std::map<std::string, int64_t> seen;
  for (auto& [name, section] : s.each()) seen[name] = section.integer("a");
  CHECK(seen == std::map<std::string, int64_t>{{"en", 2}, {"fr", 1}});
  CHECK_NOTHROW(s.finish());
  toml::table mixed = toml::parse("[fr]\na = 1\n[x]\n");
  mixed.insert("de", 3);
  TomlSection other(mixed, "language", "a.toml");
  CHECK_THAT(message_of([&] { other.each(); }),
             has_text("language.de: expected a table, found the number 3"));
}

}  // namespace crosslaw::sweep
