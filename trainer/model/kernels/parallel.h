#pragma once

#include <algorithm>
#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace crosslaw::trainer {

// What it costs to wake a thread, in numbers read and written: below it a second one does not pay.
constexpr int64_t kNumbersPerThread = 16'384;

inline int64_t threads_available() {
#if defined(_OPENMP)
  return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

// Calls body(first, end) for parts of [0, count), one a thread; `numbers` says how many each item
// touches. What an item computes must not depend on the parts. The threads are those of OpenMP,
// hence LibTorch's own, and as many as at::set_num_threads allows: a second pool would fight with
// them for the cores.
template <typename Body>
void in_parallel(int64_t count, int64_t numbers, const Body& body) {
  const int64_t parts = std::min({threads_available(), count, count * numbers / kNumbersPerThread});
  if (parts < 2) return body(int64_t{0}, count);
#if defined(_OPENMP)
    // All threads or one: between teams of other sizes libgomp ends threads and starts new ones.
#pragma omp parallel
  {
    const int64_t part = omp_get_thread_num(),
                  team = std::min<int64_t>(parts, omp_get_num_threads());
    if (part < team) body(count * part / team, count * (part + 1) / team);
  }
#endif
}

}  // namespace crosslaw::trainer
