#pragma once

#include <string>
#include <utility>

// Catch2 version 2 (Debian 12, Ubuntu 22.04) and version 3 (Ubuntu 24.04) behind one header.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif

namespace crosslaw::tests {

// Matches texts with `part` in them; the two versions of Catch2 call it differently.
inline auto has_text(const std::string& part) {
#if __has_include(<catch2/catch_all.hpp>)
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Contains(part);
#endif
}

// The range itself; fails the test when it is empty, so that no loop of checks passes by checking
// nothing.
template <typename Range>
Range some(Range&& range) {
  REQUIRE(range.begin() != range.end());
  return std::forward<Range>(range);
}

}  // namespace crosslaw::tests
using crosslaw::tests::has_text;
