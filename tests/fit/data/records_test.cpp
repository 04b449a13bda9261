#include "fit/data/records.h"

#include <filesystem>
#include <stdexcept>

#include "tests/support/catch.h"

using namespace crosslaw::fit;
using Strings = std::vector<std::string>;

namespace {

Records parse(std::string_view text, Strings wanted = {"N", "D"}) {
  return parse_records(text, "f.csv", wanted);
}

}  // namespace

TEST_CASE("Commas, tabs, semicolons, bars and blanks are told apart by the header") {
  for (const std::string separator : {",", "\t", ";", "|", "  "}) {
    const Records records = parse("N" + separator + "D\n1" + separator + "2\n");
    INFO("separator '" << separator << "'");
    CHECK(records.columns == Strings{"N", "D"});
    REQUIRE(records.rows.size() == 1);
    CHECK(records.rows[0] == Strings{"1", "2"});
  }
  CHECK(parse("a b,N,D\nx y,1,2\n").format == "csv");
  CHECK(parse("N\tD\n1\t2").format == "tsv");
}

TEST_CASE("Line ends, byte order mark and blank lines do not matter") {
  for (const char* text : {"N,D\n1,2\n3,4\n", "N,D\r\n1,2\r\n3,4\r\n", "N,D\r1,2\r3,4\r",
                           "\xef\xbb\xbfN,D\n\n1,2\n   \n3,4", "N,D\n1,2\n3,4\n\n\n"}) {
    const Records records = parse(text);
    INFO(text);
    REQUIRE(records.rows.size() == 2);
    CHECK(records.rows[1] == Strings{"3", "4"});
  }
}

TEST_CASE("Quoted fields hold separators, quotes and line breaks") {
  const Records records = parse("name,N,D\n\"a, \"\"b\"\"\nc\",1,2\nplain,3,4\n");
  REQUIRE(records.rows.size() == 2);
  CHECK(records.rows[0][0] == "a, \"b\"\nc");
  CHECK(records.lines == std::vector<std::size_t>{2, 4});
}

TEST_CASE("JSON lines and JSON arrays are read, keys may come and go") {
  const Records lines =
      parse("{\"N\": 1e8, \"D\": 18446744073709551616}\n\n{\"D\": \"2\", \"N\": 3, \"x\": null}\n");
  CHECK(lines.format == "json lines");
  REQUIRE(lines.rows.size() == 2);
  CHECK(lines.rows[1][lines.column("D")] == "2");
  CHECK(lines.rows[0][lines.column("x")].empty());
  CHECK(number_in(lines, 0, lines.column("D")) == 18446744073709551616.0);
  CHECK(lines.lines[1] == 3);
  CHECK(parse("[{\"N\": 1, \"D\": 2}, {\"N\": 3, \"D\": 4}]").rows.size() == 2);
}

TEST_CASE("What cannot be a table is refused with file, line and reason") {
  CHECK_THROWS_WITH(parse(""), has_text("f.csv: the file is empty"));
  CHECK_THROWS_WITH(parse("N,D\n"), has_text("no rows"));
  CHECK_THROWS_WITH(parse("N,loss\n1,2\n"), has_text("no column 'D'") && has_text("N, loss"));
  CHECK_THROWS_WITH(parse("N:D\n1:2\n"),
                    has_text("f.csv, line 1: the header is the one column 'N:D'") &&
                        has_text("commas, tabs, semicolons, bars or blanks"));
  CHECK_THROWS_WITH(parse("N,D,N\n1,2,3\n"), has_text("two columns 'N'"));
  CHECK_THROWS_WITH(parse("N,D\n1,2\n1,2,3\n"), has_text("f.csv, line 3: 3 fields"));
  CHECK_THROWS_WITH(parse("N,D\n1\n"), has_text("line 2: 1 fields"));
  CHECK_THROWS_WITH(parse("N,D\n\"1,2\n"), has_text("never closed"));
  CHECK_THROWS_WITH(parse("N,D\n\"1\"x,2\n"), has_text("follows the closing quote"));
  CHECK_THROWS_WITH(parse(std::string_view("N,D\n1,\0\n", 8)),
                    has_text("line 2: a NUL byte") && has_text("binary"));
  CHECK_THROWS_WITH(parse("\xff\xfeN"), has_text("the header is the one column"));
  CHECK_THROWS_WITH(parse("{\"N\": 1, \"D\": 2}\n{\"N\": \n"), has_text("line 2: not valid JSON"));
  CHECK_THROWS_WITH(parse("{\"N\": 1, \"D\": 2}\n[1]\n"),
                    has_text("line 2: expected a JSON object"));
  CHECK_THROWS_AS(parse("[1, 2]"), std::invalid_argument);
}

TEST_CASE("JSON values inside each other and keys without end neither crash nor fill the memory") {
  const std::string deep = std::string(300000, '[') + std::string(300000, ']');
  const Records records = parse("{\"N\": 1, \"D\": 2, \"x\": " + deep + "}\n");
  CHECK(records.rows[0][records.column("x")] == "[...]");
  std::string nested = "1";
  for (int i = 0; i < 30; ++i) nested = "{\"a\": " + nested + "}";
  CHECK_THAT(parse("{\"N\": 1, \"D\": 2, \"x\": " + nested + "}").columns.back(),
             has_text("x.a.a.a"));
  CHECK_THROWS_AS(parse(deep), std::invalid_argument);
  std::string keys;
  for (int i = 0; i < 5000; ++i) keys += "{\"N\": 1, \"k" + std::to_string(i) + "\": 1}\n";
  CHECK_THROWS_WITH(parse(keys), has_text("line 4096: more than 4096 different keys"));
}

TEST_CASE("Empty fields at the end of a row are forgiven, others are not") {
  CHECK(parse("N,D\n1,2,,\n").rows[0] == Strings{"1", "2"});
  CHECK_THROWS_AS(parse("N,D\n1,2,,5\n"), std::invalid_argument);
}

TEST_CASE("Numbers are read exactly, whatever their size and form") {
  const Records records =
      parse("N,D\n18446744073709551617, +1.5e9 \n6.02e23,0.1\n1e-3,9007199254740993\n");
  CHECK(number_in(records, 0, 0) == 18446744073709551617.0);
  CHECK(number_in(records, 0, 1) == 1.5e9);
  CHECK(number_in(records, 1, 1) == 0.1);
  CHECK(number_in(records, 2, 1) == 9007199254740993.0);
}

TEST_CASE("What is no finite number is refused with line and column") {
  const Records records = parse("N,D\nnan,x\n1e999,\n1 2,0x10\n");
  CHECK_THROWS_WITH(number_in(records, 0, 0),
                    has_text("f.csv, line 2: column 'N'") && has_text("finite"));
  CHECK_THROWS_WITH(number_in(records, 0, 1), has_text("'x', expected a number"));
  CHECK_THROWS_WITH(number_in(records, 1, 0), has_text("beyond a double"));
  CHECK_THROWS_WITH(number_in(records, 1, 1), has_text("is empty"));
  CHECK_THROWS_AS(number_in(records, 2, 0), std::invalid_argument);
  CHECK_THROWS_AS(number_in(records, 2, 1), std::invalid_argument);
}

TEST_CASE("Files that are none are refused") {
  CHECK_THROWS_WITH(read_text("tests"), has_text("is a directory"));
  CHECK_THROWS_WITH(read_text("no/such/file.csv"), has_text("cannot be read"));
  if (std::filesystem::exists("/proc/self/mem")) {
    CHECK_THROWS_WITH(read_text("/proc/self/mem"), has_text("reading failed"));
  }
}

TEST_CASE("The fingerprint is FNV-1a") {
  CHECK(fingerprint("") == "cbf29ce484222325");
  CHECK(fingerprint("foobar") == "85944171f73967e8");
}

TEST_CASE("Columns may be quoted, as R writes them, and hold separators and line breaks") {
  const Records records =
      parse_records("\"N\",\"D\",\"loss\",\"a, b\"\n1,2,3,\"x,\ny\"\n", "r.csv", {"N", "loss"});
  CHECK(records.format == "csv");
  CHECK(records.columns == std::vector<std::string>{"N", "D", "loss", "a, b"});
  CHECK(records.rows.at(0).at(3) == "x,\ny");
  CHECK(parse_records("\"N\";\"D\"\n1;2\n", "r.csv", {"N", "D"}).columns.size() == 2);
}

TEST_CASE("Only columns that may be N, D, C or the loss tell the decimal mark") {
  // Lists of devices, and perplexities whose decimals could be thousands.
  const Records devices = parse_records(
      "gpus,params,tokens,val_ppl\n\"0,1\",12000000,300000000,61.254\n\"4,5\",12000000,600000000,"
      "52.871\n",
      "f.csv", {});
  CHECK(devices.mark == DecimalMark::kPoint);
  CHECK(number_in(devices, 1, 3) == 52.871);
  // A flag names the one column that speaks.
  const Records named = parse_records("a;b;x\n1;0,5;1.25\n", "f.csv", {"b"});
  CHECK(named.mark == DecimalMark::kComma);
  // They have no marks at all: the others may tell.
  CHECK(parse_records("N;D;loss;lr\n1e8;2e9;3;0,002\n", "f.csv", {}).mark == DecimalMark::kComma);
  CHECK(parse_records("N;D;loss\n57.780.900;288.904.500;4,397\n", "f.csv", {}).mark ==
        DecimalMark::kComma);
  // No loss goes to thousands, so "3.456" has a point.
  CHECK(parse_records("Params (M);D;loss\n57,8;1e9;3.456\n", "f.csv", {}).mark ==
        DecimalMark::kPoint);
}
