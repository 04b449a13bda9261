// CUDA twins on data that do not lie as a GPU would like them.
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/cuda_on_cpu/numbers.h"
#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer {

// Their width alone would allow accesses of 16 bytes.
TEST_CASE("on a GPU rows that begin between two multiples of 16 bytes are read all the same") {
  const int64_t rows = 3, columns = 64;
  for (Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    const KernelTarget target{true, precision, nullptr};
    const size_t element = precision == Precision::kBfloat16 ? 2 : 4;
    std::mt19937_64 generator(20);
    std::vector<float> gate_up, zeros(static_cast<size_t>(rows * columns));
    for (int64_t i = 0; i < rows * 2 * columns; ++i)
      gate_up.push_back(static_cast<float>(generator() % 1000) / 500 - 1);
    tests::Numbers in(precision, gate_up), y(precision, zeros);
    swiglu_forward(target, {rows, columns, in.data(), y.data(), nullptr, nullptr});
    std::vector<float> shifted = {0};
    shifted.insert(shifted.end(), gate_up.begin(), gate_up.end());
    tests::Numbers behind(precision, shifted), again(precision, zeros);
    swiglu_forward(target, {rows, columns, static_cast<char*>(behind.data()) + element,
                            again.data(), nullptr, nullptr});
    CHECK(again.values() == y.values());
  }
}

}  // namespace crosslaw::trainer
