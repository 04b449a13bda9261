#include "apps/study/ladder_file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "tests/support/catch.h"

using namespace crosslaw;
using namespace crosslaw::apps;

namespace {

LadderFile preset() {
  LadderFile file;
  file.path = "sweep/presets/paper40.csv";
  return file;
}

}  // namespace

TEST_CASE("A ladder of shapes gives exact FLOPs a token, attention and head included") {
  LadderFile file = preset();
  const std::vector<fit::LadderSize> sizes = read_ladder(file);
  REQUIRE(sizes.size() == 40);
  // Its first line: hidden 512, ffn 1536, 8 layers. Worked out by hand.
  const double d = 512, ffn = 1536, layers = 8, vocabulary = 32000, context = 2048;
  const double blocks = layers * (4 * d * d + 3 * d * ffn);
  const double norms = (2 * layers + 1) * d;
  CHECK(sizes[0].params == blocks + norms + 2 * vocabulary * d);
  CHECK(*sizes[0].flops_per_token ==
        Approx(6 * (blocks + vocabulary * d) + 12 * layers * d * context));
  file.tied_head = true;
  CHECK(read_ladder(file)[0].params == blocks + norms + vocabulary * d);
  file.count = ParamsCount::kWithoutEmbeddings;
  CHECK(read_ladder(file)[0].params == blocks + norms);
  file.count = ParamsCount::kBudget;
  CHECK(read_ladder(file)[0].params == 49e6);
  file.context_tokens = 4096;
  CHECK(*read_ladder(file)[0].flops_per_token - *sizes[0].flops_per_token ==
        Approx(12 * layers * d * 2048));
}

TEST_CASE("A ladder of names and parameters may give FLOPs a token; another file is refused") {
  LadderFile file;
  file.path = (std::filesystem::temp_directory_path() / "crosslaw_ladder_file.csv").string();
  std::ofstream(file.path)
      << "# made by hand\nname,params,flops_per_token\na,1e8,7e8\nb,2e8,1.3e9\n";
  const std::vector<fit::LadderSize> sizes = read_ladder(file);
  REQUIRE(sizes.size() == 2);
  CHECK(sizes[1].name == "b");
  CHECK(*sizes[1].flops_per_token == 1.3e9);
  std::ofstream(file.path) << "name,params,flops\na,1e8,7e8\n";
  CHECK_THROWS_WITH(read_ladder(file), has_text("nothing reads the column 'flops'"));
  std::ofstream(file.path) << "size,count\na,1\n";
  CHECK_THROWS_AS(read_ladder(file), std::invalid_argument);
  std::remove(file.path.c_str());
  LadderFile bad = preset();
  bad.context_tokens = 0;
  CHECK_THROWS_WITH(read_ladder(bad), has_text("--context 0"));
}
