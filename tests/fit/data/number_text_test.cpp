#include "fit/data/number_text.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

TEST_CASE("Numbers are read as people write them") {
  const std::vector<std::pair<std::string, double>> written = {
      {"7B", 7e9},
      {"53.3M", 53.3e6},
      {"125m", 125e6},
      {"1.4T", 1.4e12},
      {"32k", 32e3},
      {"7 billion", 7e9},
      {"2.5 Million", 2.5e6},
      {"1,238,144", 1238144},
      {"53_300_000", 53300000},
      {"1 238 144", 1238144},
      {"1\xc2\xa0"
       "238\xc2\xa0"
       "144",
       1238144},
      {"1'238'144", 1238144},
      {"12 %", 0.12},
      {"+1.5e9", 1.5e9},
      {"-3", -3},
      {"1.5E+9", 1.5e9},
      {"10^21", 1e21},
      {"1.5x10^21", 1.5e21},
      {"1.5 \xc3\x97 10^21", 1.5e21},
      {"3.2 PFLOPs", 3.2e15},
      {"2 PF-days", 1.728e20},
      {"4e3 GFLOPs", 4e12},
      {"1e21 FLOPs", 1e21},
      {"140B tokens", 140e9},
      {"1,238.5", 1238.5},
      {".5", 0.5},
      {"5.", 5},
  };
  for (const auto& [text, value] : written) {
    INFO(text);
    REQUIRE(parse_number(text));
    CHECK(*parse_number(text) == Approx(value).epsilon(1e-14));
  }
  CHECK(parse_number("0.1") == 0.1);
  CHECK(parse_number("9007199254740993") == 9007199254740993.0);
}

TEST_CASE("What only begins as a number is none") {
  for (const char* text :
       {"",         " ",    "x",   "1 2",   "0x10",  "1,23", "1,2345", "12,34,567",
        "1e",       "7Q",   "B",   "1.2.3", "--3",   "+-3",  "1e5e5",  "7BB",
        "3 apples", "1x10", "nan", "inf",   "1e999", ","}) {
    INFO("'" << text << "'");
    CHECK_FALSE(parse_number(text));
  }
  CHECK(read_number("1e999")->too_large);
  CHECK(std::isnan(read_number("nan")->value));
}

TEST_CASE("With a decimal comma points group") {
  CHECK(parse_number("3,456", DecimalMark::kComma) == 3.456);
  CHECK(parse_number("1.238.144", DecimalMark::kComma) == 1238144);
  CHECK(parse_number("1.238,5", DecimalMark::kComma) == 1238.5);
  CHECK(parse_number("1,5e9", DecimalMark::kComma) == 1.5e9);
  CHECK(parse_number("7,5B", DecimalMark::kComma) == 7.5e9);
  CHECK_FALSE(parse_number("3.45", DecimalMark::kComma));
}

TEST_CASE("A text tells its decimal mark, or leaves it open") {
  CHECK(mark_evidence("3.45") == MarkEvidence::kPoint);
  CHECK(mark_evidence("1,238,144") == MarkEvidence::kPoint);
  CHECK(mark_evidence("1,238.5") == MarkEvidence::kPoint);
  CHECK(mark_evidence("3,45") == MarkEvidence::kComma);
  CHECK(mark_evidence("0,345") == MarkEvidence::kComma);
  CHECK(mark_evidence("1.238.144") == MarkEvidence::kComma);
  CHECK(mark_evidence("3,456") == MarkEvidence::kEither);
  CHECK(mark_evidence("3.456") == MarkEvidence::kEither);
  CHECK(mark_evidence("17") == MarkEvidence::kNone);
  CHECK(mark_evidence("a,b") == MarkEvidence::kNone);
}

TEST_CASE("Words for no value are known in every spelling") {
  for (const char* text : {"", "  ", "nan", "NaN", "NA", "n/a", "null", "None", "-", "inf", "-Inf",
                           "Infinity", "<NA>"}) {
    INFO(text);
    CHECK(is_missing(text));
  }
  CHECK_FALSE(is_missing("0"));
  CHECK_FALSE(is_missing("nano"));
}
