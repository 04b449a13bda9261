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
// inlined and vectorised. Below -87 it stays at 1.6e-38, above 88 at 1.7e38; so does NaN, at the
// lower end, where reassociation drops the last term.
CROSSLAW_INLINE float exp_fast(float x) {
  // e^-87 and e^88 are the last whole powers whose exponent a normal float can hold.
  float above = x > -87.0f ? x : -87.0f;
  float clamped = above < 88.0f ? above : 88.0f;
  // Adding 127.5 makes truncation round to nearest, and the number is the exponent's field as it
  // is.
  auto biased = static_cast<int32_t>(clamped * 1.44269504f + 127.5f);
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
  // x - x is NaN for NaN and infinity, but reassociation (CMakeLists.txt) is allowed to make it 0:
  // compiled as the kernels are, e^NaN is 1.6e-38 and e^infinity 1.7e38.
  return p * scale + (x - x);
}

// Sixteen running maxima, one register of AVX-512 or two of AVX2, so that the compiler need not
// assume that no number is NaN. A NaN loses against the number after it, so it may go unseen.
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
