#pragma once

#include <cstdint>
#include <cstring>

// For the CPU kernels: one version of a function per instruction set, chosen when the program
// starts.
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12
#define CROSSLAW_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CROSSLAW_SIMD
#endif
#define CROSSLAW_INLINE [[gnu::always_inline]] inline
// Vectors are passed between inlined functions alone, so that how they are passed does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace crosslaw::trainer {

// Eight floats, a register of AVX2.
typedef float Vector __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

CROSSLAW_INLINE Vector load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

CROSSLAW_INLINE void store(float* to, Vector vector) { std::memcpy(to, &vector, sizeof vector); }

// The sum over i of the product of all rows at i. The order is written down here, four vectors side
// by side and then their lanes, instead of being left to the compiler (-fassociative-math): the
// sums vectorise, are the same on every machine, and no NaN can be reasoned away.
template <typename... Rows>
CROSSLAW_INLINE float sum_of_products(int64_t count, const Rows*... rows) {
  Vector sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int64_t k = 0; k < 4; ++k) sums[k] += (load(rows + i + k * kLanes) * ...);
  }
  for (; i + kLanes <= count; i += kLanes) sums[0] += (load(rows + i) * ...);
  float rest = 0;
  for (; i < count; ++i) rest += (rows[i] * ...);
  Vector all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  return ((all[0] + all[4]) + (all[1] + all[5])) + ((all[2] + all[6]) + (all[3] + all[7])) + rest;
}

// e^x to 2 units in the last place by a polynomial on [-ln2/2, ln2/2]; unlike the library's it is
// inlined and vectorised. Below -87.7 it is 0 and above 88.4 infinity; NaN stays NaN.
CROSSLAW_INLINE float exp_fast(float x) {
  // Clamped to where the exponent's field becomes 0 and 255, which are 0 and infinity. Twice, for
  // the first keeps no NaN, so that the truncation is defined, and the second keeps it.
  float above = x > -88.0f ? x : -88.0f;
  float number = above < 89.0f ? above : 89.0f;
  float below = x < -88.0f ? -88.0f : x;
  float clamped = below > 89.0f ? 89.0f : below;
  // Adding 127.5 makes truncation round to nearest, and the number is the exponent's field as it
  // is.
  auto biased = static_cast<int32_t>(number * 1.44269504f + 127.5f);
  float n = static_cast<float>(biased) - 127.0f;
  // x = n ln2 + r. ln2 in two parts (Cody and Waite): the first has so few digits that n times it
  // is exact, the second is what is missing.
  float r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  // Taylor's coefficients to r^7: at |r| = ln2/2 the next term is 5e-9 of the result, a tenth of a
  // unit in the last place.
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t exponent = biased << 23;
  float scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  return p * scale;
}

// Sixteen running maxima, one register of AVX-512 or two of AVX2, so that the compiler need not
// assume that no number is NaN. A NaN loses against the number after it, so it may go unseen here;
// the sum of exponentials that follows every use of this sees it.
CROSSLAW_INLINE float largest_of(const float* values, int64_t count) {
  float lanes[16];
  for (float& lane : lanes) lane = values[0];
  int64_t whole = count / 16 * 16;
  for (int64_t v = 0; v < whole; v += 16) {
    for (int lane = 0; lane < 16; ++lane)
      lanes[lane] = lanes[lane] > values[v + lane] ? lanes[lane] : values[v + lane];
  }
  float largest = lanes[0];
  for (float lane : lanes) largest = largest > lane ? largest : lane;
  for (int64_t v = whole; v < count; ++v) largest = largest > values[v] ? largest : values[v];
  return largest;
}

}  // namespace crosslaw::trainer
