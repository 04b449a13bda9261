#include "fit/write/table.h"
#include "fit/write/latex.h"

#include <cstdlib>

#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

const Table kTable = {{"name", "N*"}, {{"a", "1.5B"}, {"long_er", "70%"}, {"é|", "x, \"y\""}}};

}  // namespace

TEST_CASE("Text is padded by characters, not by bytes") {
  CHECK(render(kTable, TableFormat::kText) ==
        "name         N*\n"
        "a          1.5B\n"
        "long_er     70%\n"
        "é|       x, \"y\"\n");
}

TEST_CASE("Markdown escapes bars and aligns numbers to the right") {
  CHECK(render(kTable, TableFormat::kMarkdown) ==
        "| name    |     N* |\n"
        "|---------|-------:|\n"
        "| a       |   1.5B |\n"
        "| long_er |    70% |\n"
        "| é\\|      | x, \"y\" |\n");
}

TEST_CASE("CSV quotes only what needs it") {
  CHECK(render(kTable, TableFormat::kCsv) == "name,N*\na,1.5B\nlong_er,70%\né|,\"x, \"\"y\"\"\"\n");
}

TEST_CASE("LaTeX escapes its special characters") {
  const std::string latex = render(kTable, TableFormat::kLatex);
  CHECK_THAT(latex,
             Catch::Matchers::StartsWith("\\begin{tabular}{lr}\n\\toprule\nname & $N^*$ \\\\\n"));
  CHECK_THAT(latex, has_text("long\\_er & 70\\% \\\\"));
  CHECK_THAT(latex, Catch::Matchers::EndsWith("\\bottomrule\n\\end{tabular}\n"));
}

TEST_CASE("LaTeX writes numbers with an exponent as powers of ten, and only those") {
  Table table;
  table.header = {"C", "note"};
  table.rows = {{"1e+21", "[2.5e-07, 3e8]"}, {"C^0.5 in 1.5e+20_x", "size2e4 1e x"}};
  const std::string latex = render(table, TableFormat::kLatex);
  CHECK_THAT(latex, has_text("$10^{21}$ & [$2.5 \\times 10^{-7}$, $3 \\times 10^{8}$] \\\\"));
  CHECK_THAT(latex, has_text("C\\textasciicircum{}0.5 in $1.5 \\times 10^{20}$\\_x"));
  CHECK_THAT(latex, has_text("size2e4 1e x"));
  CHECK_THAT(render(table, TableFormat::kMarkdown), has_text("1e+21"));
}

TEST_CASE("Text keeps the columns that fit a page and names the others, unless it is wide") {
  const std::string long_cell(41, 'x');
  const Table table{{"C", "N*", "95%", "D*", "95%", "note"},
                    {{"1", "2", long_cell, "3", long_cell, "4"}}};
  const NarrowTable narrow = narrowed(table);
  // An estimate goes with its interval, and no interval stays without its estimate.
  CHECK(narrow.table.header == std::vector<std::string>{"C", "N*", "95%", "D*", "95%"});
  CHECK(narrowed(table, 90).table.header == std::vector<std::string>{"C", "N*", "95%"});
  CHECK(narrowed(table, 90).left_out == std::vector<std::string>{"D*", "note"});
  CHECK_THAT(render(table, TableFormat::kText), has_text("(--wide adds: note)"));
  for (const char* cell : {"note", long_cell.c_str()})
    CHECK_THAT(render(table, TableFormat::kWideText), has_text(cell));
  CHECK_THAT(render(table, TableFormat::kWideText), !has_text("--wide"));
  CHECK(narrowed({{"a", "b"}, {{long_cell + long_cell, long_cell}}}).table.header.size() == 2);
}

TEST_CASE("Text is wrapped at blanks, by the columns that it takes") {
  CHECK(wrapped("one two three", 7, 2) == "one two\n  three");
  CHECK(wrapped("one", 7) == "one");
  CHECK(wrapped("a-word-longer-than-the-page b", 7) == "a-word-longer-than-the-page\nb");
  CHECK(wrapped("中文 中文", 8) == "中文\n中文");
  CHECK(wrapped("", 7).empty());
}

TEST_CASE("Counts carry four digits and a suffix") {
  CHECK(short_count(73190000000.0) == "73.19B");
  CHECK(short_count(1.312e12) == "1.312T");
  CHECK(short_count(999.99e6) == "1.000B");
  CHECK(short_count(812) == "812");
  CHECK(short_count(8028) == "8.028k");
  CHECK(short_count(3.2e17) == "3.2e+17");
  CHECK(short_count(-2.5e9) == "-2.500B");
  CHECK(short_interval(780.6e6, 999.7e6) == "[781M, 1.00B]");
  CHECK(short_interval(650.2e3, 100e6) == "[650k, 100M]");
  CHECK(short_interval(8.916e3, 14.39e3) == "[8.92k, 14.4k]");
}

TEST_CASE("Exact numbers read back to the same double") {
  for (const double value : {0.1, 1.0 / 3, 6.02214076e23, 1e-300, 477.8258682319616}) {
    CHECK(std::strtod(exact(value).c_str(), nullptr) == value);
  }
}

TEST_CASE("Tables are stacked under one header, with what tells them apart in front") {
  const Table first{{"name", "95%", "b", "95%"}, {{"x", "1", "2", "3"}}};
  const Table second{{"name", "95%", "c"}, {{"y", "4", "5"}}};
  const Table both = stacked({"fit"}, {{{"one"}, first}, {{"two"}, second}});
  CHECK(render(both, TableFormat::kCsv) == "fit,name,95%,b,95%,c\none,x,1,2,3,\ntwo,y,4,,,5\n");
  CHECK(render({first, {{"empty"}, {}}, second}, TableFormat::kCsv) ==
        "name,95%,b,95%\nx,1,2,3\n\nname,95%,c\ny,4,5\n");
}

TEST_CASE("Columns stand as their letters say, and Chinese characters take two columns") {
  const Table table{{"language", "fit", "N"}, {{"zh", "中文", "1"}, {"fr", "joint", "10"}}, "llr"};
  CHECK(render(table, TableFormat::kText) ==
        "language  fit     N\nzh        中文    1\nfr        joint  10\n");
  CHECK_THAT(render(table, TableFormat::kLatex),
             Catch::Matchers::StartsWith("\\begin{tabular}{llr}"));
  CHECK_THAT(render(table, TableFormat::kMarkdown), has_text("|-------|---:|"));
  CHECK(display_width("日本語") == 6);
  CHECK(display_width("é|") == 2);
}

TEST_CASE("LaTeX has symbols and formulas as mathematics, and a caption") {
  const Table table{{"", "N*", "95%"}, {{"alpha", "1", "2"}, {"beta_continued", "3", "4"}}};
  const std::string latex = latex_float(table, "A caption.");
  CHECK_THAT(latex,
             Catch::Matchers::StartsWith("\\begin{table}\n\\centering\n\\caption{A caption.}"));
  CHECK_THAT(latex, has_text(" & $N^*$ & 95\\,\\% \\\\") && has_text("$\\alpha$ & 1 & 2") &&
                        has_text("$\\beta'$ & 3 & 4"));
  CHECK_THAT(latex, Catch::Matchers::EndsWith("\\end{table}\n"));
  CHECK(latex_formula("L = E + A/N^alpha + B'/(D^beta' N^gamma)") ==
        "$L = E + A/N^{\\alpha} + B'/(D^{\\beta'} N^{\\gamma})$");
}

TEST_CASE("a cell's control characters are shown, not obeyed") {
  const Table table{{"run\x07", "loss"}, {{"\x1b[2Jfr", "1.5"}}};
  CHECK(render(table, TableFormat::kText) == "run\\x07    loss\n\\x1b[2Jfr   1.5\n");
  CHECK(render(table, TableFormat::kWideText) == render(table, TableFormat::kText));
}
