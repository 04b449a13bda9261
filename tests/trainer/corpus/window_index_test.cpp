#include "trainer/corpus/window_index.h"

#include <random>
#include <string>

#include "tests/support/catch.h"

namespace crosslaw::trainer {
namespace {

using Index = WindowIndex<unsigned char>;

std::span<const unsigned char> bytes(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

std::string drawn(std::mt19937& draw, size_t length, int letters) {
  std::string text(length, ' ');
  for (char& c : text) c = static_cast<char>('a' + draw() % static_cast<unsigned>(letters));
  return text;
}

}  // namespace

TEST_CASE("windows in common are those that a brute-force search finds") {
  std::mt19937 draw(3);
  // Two letters: many windows are equal, within a document, too.
  for (int letters : {2, 3, 26}) {
    for (int64_t width : {4, 9}) {
      std::vector<std::string> valid, train;
      for (int i = 0; i < 6; ++i) valid.push_back(drawn(draw, draw() % 60, letters));
      for (int i = 0; i < 5; ++i) train.push_back(drawn(draw, draw() % 200, letters));
      train.back() += valid[2];
      Index index(width);
      for (const std::string& text : valid) index.add(bytes(text));
      index.build();
      for (size_t i = 0; i < train.size(); ++i)
        index.compare(bytes(train[i]), static_cast<int32_t>(i % 2), static_cast<int64_t>(i));
      const auto windows_of = [&](const std::string& text) {
        std::vector<std::string> out;
        for (size_t at = 0; at + static_cast<size_t>(width) <= text.size(); ++at)
          out.push_back(text.substr(at, static_cast<size_t>(width)));
        return out;
      };
      for (size_t document = 0; document < valid.size(); ++document) {
        std::vector<int64_t> shared(3, 0);
        for (const std::string& window : windows_of(valid[document])) {
          bool in[2] = {false, false};
          for (size_t i = 0; i < train.size(); ++i)
            in[i % 2] = in[i % 2] || train[i].find(window) != std::string::npos;
          shared[0] += in[0], shared[1] += in[1], shared[2] += in[0] || in[1];
        }
        const auto number = static_cast<int64_t>(document);
        INFO(letters << " letters, width " << width << ", document " << document);
        CHECK(index.windows(number) == static_cast<int64_t>(windows_of(valid[document]).size()));
        CHECK(index.shared(number, 0) == shared[0]);
        CHECK(index.shared(number, 1) == shared[1]);
        CHECK(index.shared(number) == shared[2]);
      }
    }
  }
}

TEST_CASE("the first place of a document's windows is remembered, and told once") {
  Index index(5);
  const std::string a = "the first document", b = "something else here";
  index.add(bytes(a)), index.add(bytes(b));
  index.build();
  CHECK_FALSE(index.compare(bytes("xyzzy plugh"), 0, 10));
  CHECK(index.compare(bytes("xx first document"), 1, 11));
  CHECK_FALSE(index.compare(bytes("yy first document"), 2, 12));
  REQUIRE(index.first_hit(0));
  CHECK(index.first_hit(0)->place == 11);
  CHECK(index.first_hit(0)->group == 1);
  CHECK_FALSE(index.first_hit(1));
}

TEST_CASE("no window runs over the end of a document") {
  Index index(4);
  index.add(bytes("abcd")), index.add(bytes("efgh"));
  index.build();
  index.compare(bytes("cdef"), 0, 0);
  CHECK(index.shared(0) + index.shared(1) == 0);
}

}  // namespace crosslaw::trainer
