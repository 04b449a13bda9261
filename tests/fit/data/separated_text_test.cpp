#include "fit/data/separated_text.h"

#include "fit/data/records.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;
using Strings = std::vector<std::string>;

namespace {

Records parse_text(std::string_view text, const Strings& wanted = {}) {
  return parse_records(text, "f.csv", wanted);
}

}  // namespace

TEST_CASE("Without wanted columns the separator is the one that makes rows as wide as the header") {
  CHECK(parse_text("model name;n params;loss\na b;1;2\nc d;3;4\n").columns.size() == 3);
  CHECK(parse_text("model name,n params,loss\nx y,1,2\n").columns.size() == 3);
  CHECK(parse_text("N D loss\n1 2 3\n").columns.size() == 3);
  CHECK(parse_text("name\tN\tD\nx, y\t1\t2\n").format == "tsv");
}

TEST_CASE("A first line names the separator, as spreadsheets write it") {
  const Records records = parse_text("sep=;\nN;D, in words;loss\n1;2;3\n");
  CHECK(records.columns == Strings{"N", "D, in words", "loss"});
  CHECK(records.lines == std::vector<std::size_t>{3});
}

TEST_CASE("Lines of comment are left out and counted, and may hold the header") {
  const Records records = parse_text("# from the cluster\nN,D,loss\n1,2,3\n# half way\n4,5,6\n");
  CHECK(records.rows.size() == 2);
  CHECK(records.lines == std::vector<std::size_t>{3, 5});
  REQUIRE(records.notes.size() == 1);
  CHECK_THAT(records.notes[0], has_text("2 lines of comment"));
  const Records numpy = parse_text("# N D loss\n1 2 3\n4 5 6\n");
  CHECK(numpy.columns == Strings{"N", "D", "loss"});
  CHECK(numpy.rows.size() == 2);
  CHECK(numpy.notes.empty());
}

TEST_CASE("Numbers without names of columns are refused") {
  CHECK_THROWS_WITH(parse_text("1e8,2e9,3.2\n2e8,4e9,3.1\n"),
                    has_text("f.csv, line 1: the first line holds numbers"));
}

TEST_CASE("A trailing separator on one line is said, on all lines it is the style of the file") {
  const Records one = parse_text("N,D,loss\n1,2,3\n4,5,6,\n");
  REQUIRE(one.notes.size() == 1);
  CHECK_THAT(one.notes[0], has_text("line 3") && has_text("trailing separator"));
  const Records all = parse_text("N,D,loss,\n1,2,3,\n4,5,6,\n");
  CHECK(all.columns == Strings{"N", "D", "loss"});
  CHECK(all.notes.empty());
  CHECK(parse_text("N,D,loss\n1,2,3,\n4,5,6,\n").notes.empty());
}

TEST_CASE("Repeated headers, blank rows and rows of totals are no measurements") {
  const Records records = parse_text("run,N,loss\na,1,3\n,,\nrun,N,loss\nb,2,2.5\nMean,1.5,2.75\n");
  CHECK(records.rows.size() == 2);
  CHECK(records.lines == std::vector<std::size_t>{2, 5});
  REQUIRE(records.notes.size() == 2);
  CHECK_THAT(records.notes[0], has_text("line 4: the header again"));
  CHECK_THAT(records.notes[1], has_text("line 6: 'Mean'"));
}

TEST_CASE("A Markdown table is read with its dress taken off") {
  const Records records = parse_text(
      "Results\n\n| model | params | **loss** |\n|---|---:|:--|\n| a\\|b | 7B | **2.1** |\n"
      "| `c` | 13B | 2.0 |\n\nand so on\n");
  CHECK(records.format == "Markdown table");
  CHECK(records.columns == Strings{"model", "params", "loss"});
  REQUIRE(records.rows.size() == 2);
  CHECK(records.rows[0] == Strings{"a|b", "7B", "2.1"});
  CHECK(records.rows[1][0] == "c");
  CHECK(records.lines == std::vector<std::size_t>{5, 6});
  CHECK_THROWS_WITH(parse_text("|a|b|\n|-|-|\n|1|\n"), has_text("line 3: 1 fields"));
}

TEST_CASE("The decimal mark is that of the file, where the file is of one mind") {
  const Records comma = parse_text("N;D;loss\n1.000.000;2e9;3,45\n2.000.000;4e9;3,456\n");
  CHECK(number_in(comma, 0, 0) == 1e6);
  CHECK(number_in(comma, 1, 2) == 3.456);
  const Records point = parse_text("N;D;loss\n\"1,000,000\";2e9;3.45\n2e6;4e9;3,4\n");
  CHECK(number_in(point, 0, 0) == 1e6);
  CHECK_THROWS_WITH(number_in(point, 1, 2), has_text("line 3") && has_text("decimal point"));
  const Records open = parse_text("N;loss\n1000000;3,456\n2000000;3,411\n");
  CHECK_THROWS_WITH(number_in(open, 0, 1), has_text("thousands, or a decimal comma"));
}

TEST_CASE("Lines above the header are left out, said, and keep their numbers") {
  const Records records = parse_text("Scaling results, spring\n\nN,D,loss\n1,2,3\n4,5,6\n");
  CHECK(records.columns == Strings{"N", "D", "loss"});
  CHECK(records.lines == std::vector<std::size_t>{4, 5});
  REQUIRE(records.notes.size() == 1);
  CHECK_THAT(records.notes[0], has_text("the header is line 3") && has_text("Scaling results"));
  // One name of a role, or a column that is wanted, makes the first line the header.
  CHECK(parse_text("model,loss\nN,D\n").columns == Strings{"model", "loss"});
  CHECK(parse_text("a,b,c\nN,D,loss\n1,2,3\n", {"a"}).columns == Strings{"a", "b", "c"});
}

TEST_CASE("A header may lack the name of what numbers the rows, and of nothing else") {
  const Records counted = parse_text("N D loss\n0 1 2 3\n1 4 5 6\n");
  CHECK(counted.columns == Strings{"", "N", "D", "loss"});
  CHECK(parse_text("N,D,loss\n\"a\",1,2,3\n\"b\",4,5,6\n").columns.size() == 4);
  // A decimal comma between commas also makes a field more.
  CHECK_THROWS_WITH(parse_text("N,D,loss\n100,200,3,4\n200,400,3,1\n"), has_text("4 fields"));
}

TEST_CASE("A cell that a spreadsheet could not compute is no comment") {
  const Records records = parse_text("N,D,loss\n#DIV/0!,2,3\n# a comment\n4,5,6\n");
  CHECK(records.rows.size() == 2);
  CHECK(is_missing(records.rows[0][0]));
}

TEST_CASE("Rows named by # and a number are no comments, rows commented out are") {
  CHECK(parse_records("run,N,loss\n#1,1e8,3\n#2,2e8,2.9\n", "f.csv", {}).rows.size() == 2);
  CHECK(
      parse_records("run,N,loss\nr1,1e8,3\n#2,2e8,2.9\n# so, it, is\n", "f.csv", {}).rows.size() ==
      2);
  CHECK(parse_records("run,N,loss\n1,1e8,3\n#2,2e8,2.9\n", "f.csv", {}).rows.size() == 1);
  CHECK(parse_records("N,D,loss\n1e8,1e9,3\n#2e8,2e9,2.9\n", "f.csv", {}).rows.size() == 1);
}

TEST_CASE("A header that begins with # for the number of the row is one") {
  const Records records =
      parse_records("#,model,N,D,loss\n1,a,1e8,1e9,3\n2,b,2e8,2e9,2.9\n", "f.csv", {});
  CHECK(records.rows.size() == 2);
  CHECK(records.has("model"));
}
