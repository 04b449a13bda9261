// Runs a fuzz target without a fuzzer: every seed, cut at every byte, with bytes flipped, pieces
// replaced, and spliced with another seed. Deterministic, a few seconds.
//
//   fuzz_replay DATA_FOLDER [SEEDS_FOLDER]   with a second folder only writes the seeds there
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "fit/solve/random.h"
#include "tests/fit/fuzz/target.h"

namespace {

using crosslaw::fit::Random;

// In seconds also under sanitizers; scripts/fuzz.sh looks for longer.
constexpr int kMutations = 200;         // of each seed
constexpr std::size_t kCutsUpTo = 500;  // bytes; longer seeds are cut at as many places
constexpr std::string_view kTokens[] = {
    "nan", "inf", "-1", "0",   "1e308", "1e-320",    "18446744073709551616",
    "\"",  ",",   "\t", "\n",  "\r",    "null",      "true",
    "[",   "]",   "{",  "}",   "\xff",  "",          " ",
    ";",   "|",   "<=", "!=",  "\"\"",  "1e999",     "-0",
    ":",   "#",   "é",  "N,N", "+",     "continued", "\\u0000"};

void run(const std::string& input, std::size_t& inputs) {
  ++inputs;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string mutated(std::string text, const std::vector<std::string>& all, Random& random) {
  const auto place = [&] { return random.index(static_cast<std::uint32_t>(text.size() + 1)); };
  for (std::uint32_t edits = 1 + random.index(3); edits > 0; --edits) {
    const std::size_t at = place();
    switch (random.index(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.index(8)));
        break;
      case 1:
        text.insert(at, kTokens[random.index(std::size(kTokens))]);
        break;
      case 2:
        text.replace(at, random.index(12), kTokens[random.index(std::size(kTokens))]);
        break;
      case 3:
        text.erase(at, random.index(40));
        break;
      default: {
        const std::string& other = all[random.index(static_cast<std::uint32_t>(all.size()))];
        text = text.substr(0, at) +
               other.substr(random.index(static_cast<std::uint32_t>(other.size() + 1)));
      }
    }
  }
  return text;
}

std::size_t replay(const std::vector<std::string>& all) {
  std::size_t inputs = 0;
  for (std::size_t s = 0; s < all.size(); ++s) {
    run(all[s], inputs);
    const std::size_t step = 1 + all[s].size() / kCutsUpTo;
    for (std::size_t cut = 0; cut < all[s].size(); cut += step) run(all[s].substr(0, cut), inputs);
    Random random(1, s);
    for (int k = 0; k < kMutations; ++k) run(mutated(all[s], all, random), inputs);
  }
  return inputs;
}

void write(const std::filesystem::path& folder, const std::vector<std::string>& all) {
  std::filesystem::create_directories(folder);
  for (std::size_t s = 0; s < all.size(); ++s) {
    std::ofstream(folder / ("seed_" + std::to_string(s)), std::ios::binary) << all[s];
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: fuzz_replay DATA_FOLDER [SEEDS_FOLDER]\n", stderr);
    return 2;
  }
  const std::vector<std::string> all = seeds(argv[1]);
  if (argc > 2) {
    write(argv[2], all);
  } else {
    std::printf("%zu seeds, %zu inputs\n", all.size(), replay(all));
  }
}
