#pragma once

#include <cstddef>

namespace cuda_on_cpu {

// The array that the kernels declare as `extern __shared__`, defined beside them.
constexpr size_t kSharedBytes = 227 << 10;  // the most that a block may ask for on sm_90
void* shared_memory();

}  // namespace cuda_on_cpu
