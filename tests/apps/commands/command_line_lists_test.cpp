#include "apps/commands/command_line_lists.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stdexcept>

#include "tests/support/catch.h"

using namespace crosslaw::apps;
using Numbers = std::vector<double>;
using Words = std::vector<std::string>;

namespace {

// One command with a flag of each kind, and a folder, as allocate has them.
struct Line {
  std::string folder;
  Numbers flops;
  Words laws;
  double most = 0;
  int starts = 3;
  CLI::App app{"test"};

  Line() {
    app.add_option("dir", folder);
    add_number_list(app, "--flops", flops, "budgets");
    add_word_list(app, "--laws", laws, "laws");
    read_as_number(app.add_option("--most", most));
    read_as_number(app.add_option("--starts", starts));
  }

  explicit Line(Words words) : Line() { parse(std::move(words)); }

  void parse(Words words) {
    words = with_joined_lists(std::move(words));
    std::reverse(words.begin(), words.end());
    app.parse(std::move(words));
  }
};

Line parsed(Words words) { return Line(std::move(words)); }

}  // namespace

TEST_CASE("What follows a list after a blank belongs to it, unless it may be a file") {
  CHECK(with_joined_lists({"fit", "runs.csv", "--where", "N>1e8", "D>1e9"}) ==
        Words{"fit", "runs.csv", "--where", "N>1e8", "--where", "D>1e9"});
  CHECK(with_joined_lists({"fit", "--where=a=1", "b=2", "--csv", "c=3"}) ==
        Words{"fit", "--where=a=1", "--where", "b=2", "--csv", "c=3"});
  CHECK(with_joined_lists({"--coefficients", "E=1.8", "A=480", "7B:140B"}) ==
        Words{"--coefficients", "E=1.8,A=480", "7B:140B"});
  CHECK(with_joined_lists({"--best-of", "N", "D", "runs.csv"}) ==
        Words{"--best-of", "N,D", "runs.csv"});
  CHECK(with_joined_lists({"--gpus", "1", "8", "--fits"}) == Words{"--gpus", "1,8", "--fits"});
}

TEST_CASE("Pairs are separated by commas or blanks, also around the sign") {
  for (const char* text : {"E=1.8,A=480", "E=1.8 A=480", "E = 1.8, A =480"}) {
    INFO(text);
    CHECK(split_pairs("--coefficients", text) == Words{"E=1.8", "A=480"});
  }
  CHECK(split_list("--laws", "\"a, b\",c") == Words{"a, b", "c"});
}

TEST_CASE("A column with a blank is named between commas, one with a comma in quotes") {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, Words>>{
           {"N,D,learning rate", {"N", "D", "learning rate"}},
           {"N D", {"N", "D"}},
           {"\"learning rate\"", {"learning rate"}},
           {"N, \"rate, peak\"", {"N", "rate, peak"}}}) {
    CLI::App app;
    Words columns;
    add_column_list(app, "--best-of", columns, "columns");
    app.parse(std::vector<std::string>{text, "--best-of"});
    INFO(text);
    CHECK(columns == expected);
  }
}

TEST_CASE("A list is separated by commas, blanks or by naming the flag again") {
  const Numbers wanted = {1e20, 1e21, 7e22};
  for (const Words& words :
       {Words{"--flops", "1e20,1e21,7e22"}, Words{"--flops", "1e20, 1e21, 7e22"},
        Words{"--flops", "1e20 1e21 7e22"}, Words{"--flops", "1e20", "1e21", "7e22"},
        Words{"--flops=1e20", "1e21", "7e22"},
        Words{"--flops", "1e20", "--flops", "1e21", "--flops", "7e22"},
        Words{"--flops", "1e20", "1e21,7e22", "sweeps/demo"}}) {
    Line line;
    line.parse(words);
    CHECK(line.flops == wanted);
    CHECK(line.folder == (words.back() == "sweeps/demo" ? "sweeps/demo" : ""));
  }
  Line line;
  line.parse({"--laws", "a,b", "--laws", "c"});
  CHECK(line.laws == Words{"a", "b", "c"});
}

TEST_CASE("A range is spaced by the logarithm and ends where it says") {
  CHECK(parse_number_list("--flops", "1e20..1e24x5") == Numbers{1e20, 1e21, 1e22, 1e23, 1e24});
  CHECK(parse_number_list("--flops", "1B..100Bx3,7") == Numbers{1e9, 1e10, 1e11, 7});
  for (const char* text : {"1e20..1e24", "1e20..x5", "..1e24x5", "1e20..1e24x1", "0..1e24x5",
                           "1e20..1e24x2.5", "1e20..1e24x"}) {
    INFO(text);
    CHECK_THROWS_WITH(parse_number_list("--flops", text), has_text("LOW..HIGHxCOUNT"));
  }
}

TEST_CASE("An empty element is refused, and so is a word") {
  for (const char* text : {"1e21,,1e22", ",1e21", "1e21,", "", " , "}) {
    INFO("'" << text << "'");
    CHECK_THROWS_WITH(parse_number_list("--flops", text), has_text("is empty"));
  }
  CHECK_THROWS_WITH(parse_number_list("--flops", "1e21,many"), has_text("'many' is no number"));
  Line line;
  CHECK_THROWS_AS(line.parse({"--laws", "a,,b"}), std::invalid_argument);
}

TEST_CASE("Numbers on the command line are those of files") {
  CHECK(parsed({"--most", "7B"}).most == 7e9);
  CHECK(parsed({"--most", "1_000_000"}).most == 1e6);
  CHECK(parsed({"--most", "0.1"}).most == 0.1);
  CHECK(parsed({"--most", "3.3T"}).most == 3.3e12);
  CHECK(parsed({"--starts", "1k"}).starts == 1000);
  CHECK(parsed({"--starts", "64"}).starts == 64);
  CHECK_THROWS_WITH(parsed({"--most", "many"}), has_text("--most many: expected a number"));
}
