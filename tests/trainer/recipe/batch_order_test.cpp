#include "trainer/recipe/batch_order.h"

#include <algorithm>
#include <set>

#include "tests/support/catch.h"

namespace crosslaw::trainer {
namespace {

std::vector<SequenceRef> first_sequences(const BatchOrder& order, int64_t steps) {
  std::vector<SequenceRef> all;
  for (int64_t step = 0; step < steps; ++step) {
    for (const SequenceRef& sequence : order.batch(step)) all.push_back(sequence);
  }
  return all;
}

}  // namespace

TEST_CASE("a permutation visits every element once, whatever the size") {
  for (int64_t size : {1, 2, 3, 5, 64, 65, 100, 1023, 4097}) {
    std::set<int64_t> seen;
    for (int64_t i = 0; i < size; ++i) {
      int64_t value = permuted(i, size, 42);
      REQUIRE(value >= 0);
      REQUIRE(value < size);
      seen.insert(value);
    }
    CHECK(static_cast<int64_t>(seen.size()) == size);
  }
}

TEST_CASE("permutations of other keys differ and look random") {
  int64_t same = 0, fixed_points = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    same += permuted(i, 1000, 1) == permuted(i, 1000, 2);
    fixed_points += permuted(i, 1000, 3) == i;
  }
  CHECK(same < 20);
  CHECK(fixed_points < 20);
}

TEST_CASE("one epoch reads every window once and the next one in another order") {
  BatchOrder order({{"en", 1.0, 48}}, 8, 7);
  auto windows = first_sequences(order, 12);
  std::set<int64_t> first, second;
  for (int i = 0; i < 48; ++i) first.insert(windows[static_cast<size_t>(i)].window);
  for (int i = 48; i < 96; ++i) second.insert(windows[static_cast<size_t>(i)].window);
  CHECK(first.size() == 48);
  CHECK(second.size() == 48);
  bool another_order = false;
  for (size_t i = 0; i < 48; ++i)
    another_order = another_order || windows[i].window != windows[i + 48].window;
  CHECK(another_order);
}

TEST_CASE("a batch is a function of the step alone") {
  BatchOrder order({{"fr", 0.7, 1000}, {"en", 0.3, 500}}, 16, 3);
  auto whole = first_sequences(order, 20);
  auto alone = order.batch(13);
  for (size_t i = 0; i < 16; ++i) {
    CHECK(alone[i].part == whole[13 * 16 + i].part);
    CHECK(alone[i].window == whole[13 * 16 + i].window);
  }
}

TEST_CASE("replay keeps the order of the target language") {
  auto target_windows = [](const BatchOrder& order, int64_t steps) {
    std::vector<int64_t> windows;
    for (const SequenceRef& sequence : first_sequences(order, steps)) {
      if (sequence.part == 0) windows.push_back(sequence.window);
    }
    return windows;
  };
  auto plain = target_windows(BatchOrder({{"fr", 1.0, 300}}, 8, 5), 70);
  auto replayed = target_windows(BatchOrder({{"fr", 0.7, 300}, {"en", 0.3, 200}}, 8, 5), 100);
  REQUIRE(replayed.size() == 560);
  CHECK(std::equal(replayed.begin(), replayed.end(), plain.begin()));
}

TEST_CASE("shares are kept at every length and counts say so") {
  std::vector<WindowedLanguage> languages = {{"zh", 0.5, 100}, {"en", 0.2, 50}, {"fr", 0.3, 60}};
  BatchOrder order(languages, 10, 1);
  auto sequences = first_sequences(order, 50);
  std::vector<int64_t> counts(3);
  for (size_t i = 0; i < sequences.size(); ++i) {
    ++counts[sequences[i].part];
    auto length = static_cast<int64_t>(i) + 1;
    for (size_t part = 0; part < 3; ++part) {
      REQUIRE(order.count(part, length) == counts[part]);
      REQUIRE(std::abs(static_cast<double>(counts[part]) -
                       languages[part].share * static_cast<double>(length)) < 2.0);
    }
  }
}

TEST_CASE("a text shorter than one context is refused") {
  CHECK(windows_in(64, 64) == 0);
  CHECK(windows_in(65, 64) == 1);
  CHECK(windows_in(129, 64) == 2);
  CHECK_THROWS_AS(BatchOrder({{"en", 1.0, 0}}, 8, 1), std::runtime_error);
}

}  // namespace crosslaw::trainer
