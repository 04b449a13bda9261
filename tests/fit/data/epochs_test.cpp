#include "fit/data/epochs.h"

#include <fmt/format.h>

#include <cmath>

#include "fit/data/data_file.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

enum class Compute { kNone, kOnePass, kAllPasses };

// Three sizes on five data sets, which the smaller are of are read more often.
DataFile parsed(const std::string& column, Compute compute, DataFileOptions options = {}) {
  std::string text = "N," + column + ",epochs,loss";
  text += compute == Compute::kNone ? "\n" : ",flops\n";
  for (const double n : {6e7, 2e8, 6e8}) {
    for (const auto& [tokens, epochs] : {std::pair(2e9, 16), std::pair(3e9, 8), std::pair(9e9, 4),
                                         std::pair(2e10, 2), std::pair(7e10, 1)}) {
      const double loss = planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
                          planted::kB * std::pow(tokens * epochs, -planted::kBeta);
      text += fmt::format("{},{},{},{:.9g}", n, tokens, epochs, loss);
      const double flops = 6 * n * tokens * (compute == Compute::kAllPasses ? epochs : 1);
      text += compute == Compute::kNone ? "\n" : fmt::format(",{:.9g}\n", flops);
    }
  }
  options.path = "f.csv";
  return parse_data(text, options);
}

}  // namespace

TEST_CASE("Compute of all passes shows that D counts one: no answer without a flag") {
  const DataFile file = parsed("dataset_tokens", Compute::kAllPasses);
  REQUIRE(!file.doubts.empty());
  CHECK(file.doubts[0].grave);
  CHECK_THAT(file.doubts[0].sentence, has_text("column 'epochs' goes from 1 to 16") &&
                                          has_text("'flops' is 6 N D times it") &&
                                          has_text("--unique 'dataset_tokens'"));
  DataFileOptions options;
  options.tokens_unit = "1";
  CHECK(parsed("dataset_tokens", Compute::kAllPasses, options).doubts.empty());
}

TEST_CASE("Without compute both readings of D are told") {
  const DataFile file = parsed("tokens", Compute::kNone);
  REQUIRE(file.doubts.size() == 1);
  CHECK_FALSE(file.doubts[0].grave);
  CHECK_THAT(file.doubts[0].sentence,
             has_text("If 'tokens' counts those of one") && has_text("--law data-constrained"));
}

TEST_CASE("D of all passes is no doubt: by compute, or where its data sets are few") {
  CHECK(parsed("tokens", Compute::kOnePass).doubts.empty());
  std::string text = "N,D,epochs,loss\n";
  for (const double n : {6e7, 2e8, 6e8}) {
    for (const int epochs : {1, 2, 4, 8}) {
      text += fmt::format("{},{},{},{:.9g}\n", n, 3e9 * epochs, epochs,
                          2 + std::pow(n, -0.1) + 400 * std::pow(3e9 * epochs, -0.28));
    }
  }
  DataFileOptions options;
  options.path = "f.csv";
  for (const Doubt& each : parse_data(text, options).doubts) {
    CHECK_THAT(each.sentence, !has_text("epochs"));
  }
}
