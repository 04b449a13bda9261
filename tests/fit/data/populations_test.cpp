#include "fit/data/populations.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "fit/data/data_file.h"
#include "fit/solve/random.h"
#include "tests/fit/planted.h"
#include "tests/support/catch.h"

using namespace crosslaw::fit;

namespace {

double planted_loss(double n, double d) {
  return planted::kE + planted::kA * std::pow(n, -planted::kAlpha) +
         planted::kB * std::pow(d, -planted::kBeta);
}

std::string doubts(const std::string& text, DataFileOptions options = {}) {
  options.path = "f.csv";
  std::string out;
  for (const Doubt& each : parse_data(text, options).doubts) out += each.sentence + "\n";
  return out;
}

struct Labelled {
  std::string label;
  double factor = 1;  // of the loss
};

// 54 runs of nine sizes at six lengths, noise of 0.3 %; row i of size s.
std::string labelled(const std::string& column, const std::function<Labelled(int, int)>& of) {
  std::string out = column + ",N,D,loss\n";
  Random random(11, 1);
  for (int size = 0; size < 9; ++size) {
    for (int length = 0; length < 6; ++length) {
      const double n = 5e7 * std::pow(1.7, size), d = n * 5 * std::pow(1.9, length);
      const Labelled one = of(6 * size + length, size);
      const double noise = 1 + 0.003 * (random.index(2001) / 1000.0 - 1);
      out += fmt::format("{},{:.9g},{:.9g},{:.9g}\n", one.label, n, d,
                         planted_loss(n, d) * one.factor * noise);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("A label whose offsets explain the scatter is named with what takes it apart") {
  const std::string told = doubts(labelled("corpus", [](int i, int) {
    return i % 3 == 0 ? Labelled{"wiki", 0.93} : Labelled{"web", 1};
  }));
  CHECK_THAT(told, has_text("'corpus' tells populations apart") && has_text("of wiki 7") &&
                       has_text("below those of web") && has_text("--by 'corpus'") &&
                       has_text("--where 'corpus=web'") && !has_text("bits"));
}

TEST_CASE("A label that goes with the size is told from the bend of a law") {
  const std::string told = doubts(labelled("tok", [](int, int size) {
    return size < 5 ? Labelled{"a", 1} : Labelled{"b", 1.08};
  }));
  CHECK_THAT(told, has_text("'tok' tells populations apart"));
  CHECK(doubts(labelled("tok", [](int, int size) {
          return Labelled{size < 5 ? "small" : "large", 1};
        })).empty());
}

TEST_CASE(
    "Labels that say nothing about the loss, names of sizes and settings are no populations") {
  CHECK(doubts(labelled("set", [](int i, int) {
          return Labelled{i % 2 == 0 ? "a" : "b", 1};
        })).empty());
  CHECK_THAT(doubts(labelled("gpt",
                             [](int, int size) {
                               return Labelled{fmt::format("s{}", size), size % 2 == 0 ? 1 : 1.03};
                             })),
             !has_text("populations"));
  CHECK_THAT(doubts(labelled("lr",
                             [](int i, int) {
                               return i % 2 == 0 ? Labelled{"1e-3", 1} : Labelled{"2e-3", 1.05};
                             })),
             !has_text("populations"));
}

TEST_CASE("An offset of ln 2 is that of bits to nats") {
  const std::string told = doubts(labelled("tracker", [](int i, int) {
    return i % 2 == 0 ? Labelled{"one", 1} : Labelled{"two", 1 / std::numbers::ln2};
  }));
  CHECK_THAT(told, has_text("losses of two in bits"));
}

TEST_CASE("At equal N and D a label is named before a search of settings") {
  std::string text = "corpus,N,D,loss\n";
  for (const auto& [name, factor] : {std::pair("web", 1.0), std::pair("code", 0.6)}) {
    for (const double n : {6e7, 2e8, 6e8, 2e9}) {
      for (const double ratio : {5, 20, 80}) {
        text += fmt::format("{},{},{},{:.9g}\n", name, n, n * ratio,
                            planted_loss(n, n * ratio) * factor);
      }
    }
  }
  CHECK_THAT(doubts(text), has_text("'corpus' tells populations apart") &&
                               has_text("settings that were tried, --best-of N,D") &&
                               !has_text("not one model a row"));
}

TEST_CASE("What the law reads beside N and D makes no populations") {
  const std::string text = labelled("how", [](int i, int) {
    return i % 2 == 0 ? Labelled{"scratch,x", 1} : Labelled{"continued,y", 0.9};
  });
  DataFileOptions options;
  options.stage = "how";
  CHECK_THAT(doubts("how,name_of_it" + text.substr(3), options), !has_text("populations"));
}

TEST_CASE("A wide scatter that nothing explains is told") {
  Random random(5, 1);
  const std::string wide = labelled("id", [&](int i, int) {
    return Labelled{fmt::format("{}", i), std::exp(0.06 * random.normal())};
  });
  CHECK_THAT(doubts(wide), has_text("around a smooth surface"));
}

TEST_CASE("Published tables hold one population") {
  for (const char* name : {"gadre_104.csv", "gemstones_hot.csv", "gemstones_cool_end.csv",
                           "kyo_llm_df.csv", "chinchilla_epoch.csv", "olmo_ladder_c4.csv"}) {
    INFO(name);
    DataFileOptions options;
    options.path = planted::data_path(name);
    for (const Doubt& each : read_data_file(options).doubts) {
      CHECK_THAT(each.sentence, !has_text("populations") && !has_text("smooth surface in") &&
                                    !has_text("middle of runs"));
    }
  }
}
