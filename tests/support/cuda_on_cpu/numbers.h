#pragma once

#include <cstdint>
#include <vector>

#include "tests/support/cuda_on_cpu/cuda_bf16.h"
#include "trainer/model/kernels/kernels.h"

namespace crosslaw::tests {

// Numbers in the precision of a target. Both twins see the same ones: what goes in is rounded here.
class Numbers {
 public:
  Numbers(trainer::Precision precision, const std::vector<float>& values)
      : bf16_(precision == trainer::Precision::kBfloat16) {
    if (!bf16_) wide_ = values;
    for (float value : bf16_ ? values : std::vector<float>())
      narrow_.push_back(__float2bfloat16_rn(value));
  }

  void* data() { return bf16_ ? static_cast<void*>(narrow_.data()) : wide_.data(); }
  std::vector<float> values() const {
    std::vector<float> all = wide_;
    for (__nv_bfloat16 value : narrow_) all.push_back(__bfloat162float(value));
    return all;
  }

 private:
  bool bf16_;
  std::vector<float> wide_;
  std::vector<__nv_bfloat16> narrow_;
};

}  // namespace crosslaw::tests
