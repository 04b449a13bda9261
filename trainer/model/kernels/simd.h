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

namespace crosslaw::trainer {

// e^x to 2 units in the last place by a polynomial on [-ln2/2, ln2/2]; unlike the library's it is
// inlined and vectorised. Below -87 it stays at 1.6e-38.
CROSSLAW_INLINE float exp_fast(float x) {
  float above = x > -87.0f ? x : -87.0f;
  float clamped = above < 88.0f ? above : 88.0f;
  // Adding 127.5 makes truncation round to nearest, and the number is the exponent's field as it
  // is.
  auto biased = static_cast<int32_t>(clamped * 1.44269504f + 127.5f);
  float n = static_cast<float>(biased) - 127.0f;
  float r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
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
  return p * scale + (x - x);  // NaN and infinity stay visible
}

// Sixteen running maxima, so that the compiler may keep them in one register without assuming that
// no number is NaN.
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
