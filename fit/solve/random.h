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

  // Gamma with scale 1 (Marsaglia and Tsang 2000); shape > 0.
  double gamma(double shape) {
    if (shape < 1) return gamma(shape + 1) * std::pow(uniform(), 1 / shape);
    const double d = shape - 1.0 / 3;
    for (;;) {
      const double z = normal();
      const double v = std::pow(1 + z / std::sqrt(9 * d), 3);
      if (v > 0 && std::log(uniform()) < 0.5 * z * z + d * (1 - v + std::log(v))) return d * v;
    }
  }

  // Of so many degrees of freedom, divided by them: its mean is 1.
  double chi_square_share(double freedom) { return gamma(0.5 * freedom) / (0.5 * freedom); }

 private:
  std::uint64_t state_;
};

}  // namespace crosslaw::fit
