#pragma once

#include <cstdint>

namespace crosslaw::fit {

// 2^64 / golden ratio, odd: steps of it visit all 64-bit numbers and never bunch.
inline constexpr std::uint64_t kGoldenStep = 0x9e3779b97f4a7c15u;

// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"): a
// well-mixed function of one number, the same on every platform. All that is drawn by a number's
// place (resamples, the order of batches) comes from it, so that threads and restarts change
// nothing.
constexpr std::uint64_t splitmix64(std::uint64_t x) {
  x += kGoldenStep;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace crosslaw::fit
