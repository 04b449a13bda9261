#include "sweep/spec/ladder.h"

#include <cmath>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::sweep {
namespace {

std::string message(const std::string& content) {
  tests::TempFolder folder;
  auto file = folder.write("ladder.csv", content);
  return tests::message_of([&] { read_ladder(file, 256, true); });
}

}  // namespace

TEST_CASE("the paper's ladder has 40 sizes whose printed size follows the paper's formula") {
  auto ladder = read_ladder("sweep/presets/paper40.csv", 32000, false);
  REQUIRE(ladder.size() == 40);
  for (const ModelSize& size : ladder) {
    double d = static_cast<double>(size.shape.hidden),
           layers = static_cast<double>(size.shape.layers);
    // arXiv:2407.02118, Table 4: floor((16 L d^2 + V d + (2 L + 1) d) / 1e6).
    double nominal =
        std::floor((16 * layers * d * d + 32000 * d + (2 * layers + 1) * d) / 1e6) * 1e6;
    CHECK(static_cast<double>(size.params_budget) == nominal);
    CHECK(trainer::complaints(size.shape).empty());
  }
  CHECK(ladder.front().params_budget == 49'000'000);
  CHECK(ladder.back().params_budget == 5'534'000'000);
}

TEST_CASE("the demo's ladder has 40 different sizes close to 8000 times 5^(i/39)") {
  auto ladder = read_ladder("sweep/presets/demo40.csv", 256, true);
  REQUIRE(ladder.size() == 40);
  std::set<int64_t> sizes;
  for (size_t i = 0; i < 40; ++i) {
    auto params = static_cast<double>(trainer::count_parameters(ladder[i].shape).total());
    CHECK(params == Approx(8000 * std::pow(5.0, static_cast<double>(i) / 39)).epsilon(0.02));
    sizes.insert(ladder[i].params_budget);
  }
  CHECK(sizes.size() == 40);
}

TEST_CASE("a ladder may share keys and values among queries and widen the heads") {
  tests::TempFolder folder;
  auto file = folder.write("ladder.csv",
                           "name,hidden,ffn,heads,layers,kv_heads,head_dim\n"
                           "a,12,52,4,2,2,6\nb,12,52,2,2,2,6\n");
  auto ladder = read_ladder(file, 256, true);
  CHECK(ladder[0].shape.qkv_width() == 4 * 6 + 2 * 2 * 6);
  CHECK(ladder[1].shape.qkv_width() == 3 * 12);
  // Embedding, two layers of q, out, k, v and the feed-forward's three, five norms.
  CHECK(ladder[0].params_budget ==
        256 * 12 + 2 * (2 * 12 * 24 + 2 * 12 * 12 + 3 * 12 * 52) + 5 * 12);
  CHECK_THAT(message("name,hidden,ffn,heads,layers,kv_heads\na,12,52,4,2,3\n"),
             has_text("line 2: model.kv_heads = 3: must be a divisor of heads = 4"));
}

TEST_CASE("a bad ladder names file, line and column") {
  const std::string header = "name,hidden,ffn,heads,layers\n";
  CHECK_THAT(message(""), has_text("ladder.csv: the file is empty"));
  CHECK_THAT(message(header), has_text("there are no rows under the header"));
  CHECK_THAT(message("name,hidden,ffn,heads\na,12,52,2\n"),
             has_text("there is no column 'layers'"));
  CHECK_THAT(message(header + "a,12,52,2,2\nb,12,x,2,2\n"),
             has_text("ladder.csv, line 3: column 'ffn' is 'x', expected a number"));
  CHECK_THAT(message(header + "a,12,52.5,2,2\n"),
             has_text("line 2: ffn = 52.5: a positive whole number was expected"));
  CHECK_THAT(message(header + "a,12,52,0,2\n"), has_text("heads = 0: a positive whole number"));
  CHECK_THAT(message(header + "a,12,52,5,2\n"),
             has_text("ladder.csv, line 2: model.heads = 5: must be a divisor of hidden = 12"));
  CHECK_THAT(message(header + "a,12,52,2\n"),
             has_text("ladder.csv, line 2: 4 fields where the header has 5"));
  CHECK_THAT(message("name,hidden,ffn,heads,layers,kv_head\na,12,52,2,2,1\n"),
             has_text("nothing reads the column 'kv_head'; did you mean 'kv_heads'?"));
  CHECK_THAT(message("name,hidden,ffn,heads,layers,learning_rate\na,12,52,2,2,0.1\n"),
             has_text("'learning_rate'; a ladder has name, hidden"));
  CHECK_THAT(message(header + "a,12,52,2,2\na,16,24,2,2\n"),
             has_text("ladder.csv, line 3: the name a is there twice"));
  CHECK_THAT(tests::message_of([] { read_ladder("/nowhere/x.csv", 256, true); }),
             has_text("/nowhere/x.csv: cannot be read"));
}

TEST_CASE("comments, carriage returns and a byte order mark are read over") {
  tests::TempFolder folder;
  auto file = folder.write(
      "l.csv", "\xEF\xBB\xBF# sizes\r\nname,hidden,ffn,heads,layers\r\na,12,52,2,2\r\n");
  CHECK(read_ladder(file, 256, true).at(0).params_budget == 8028);
}

TEST_CASE("a ladder is read as data files are: quotes, blanks around fields, other separators") {
  tests::TempFolder folder;
  const auto file =
      folder.write("l.tsv", "name\thidden\tffn\theads\tlayers\n\n\"the small\"\t12\t 52 \t2\t2\n");
  const ModelSize size = read_ladder(file, 256, true).at(0);
  CHECK(size.name == "the small");
  CHECK(size.params_budget == 8028);
}

}  // namespace crosslaw::sweep
