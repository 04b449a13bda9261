#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "fit/data/splitmix64.h"

namespace crosslaw::fit {

// SplitMix64. The stream is a pure function of (seed, draw), so a draw is the same whichever thread
// makes it, and on every platform (the distributions of <random> are not).
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t draw) : state_(splitmix64(seed) ^ splitmix64(~draw)) {}

  std::uint64_t next() { return splitmix64(state_ += kGoldenStep); }

  // Uniform on 0 <= i < size, size < 2^32.
  std::uint32_t index(std::uint32_t size) {
    return static_cast<std::uint32_t>(((next() >> 32) * size) >> 32);
  }

  // Uniform on (0, 1).
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }

  // Box and Muller's; their second variate is left out, so that a draw keeps no state.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  // Density exp(-|x|) / 2.
  double laplace() {
    const double u = uniform();
    return u < 0.5 ? std::log(2 * u) : -std::log(2 - 2 * u);
  }

 private:
  std::uint64_t state_;
};

}  // namespace crosslaw::fit
