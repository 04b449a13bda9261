// The CPU kernels give the same bits for every number of threads.
#include <cmath>
#include <functional>
#include <vector>

#include "tests/support/catch.h"
#include "trainer/model/kernels/kernels.h"

extern "C" void omp_set_num_threads(int);  // of the library that the kernels were built with

namespace crosslaw::trainer {
namespace {

using Floats = std::vector<float>;

Floats wave(int64_t count) {
  Floats values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(std::sin(1.0 + 0.37 * static_cast<double>(i * i % 1009))));
  return values;
}

Floats zero_floats(int64_t count) { return Floats(static_cast<size_t>(count)); }

// `run` gives what a kernel wrote.
void require_same_for_any_threads(const std::function<std::vector<Floats>()>& run) {
  omp_set_num_threads(1);
  const std::vector<Floats> one = run();
  for (int threads : {2, 3, 7}) {
    omp_set_num_threads(threads);
    CHECK(run() == one);
  }
  omp_set_num_threads(1);
}

}  // namespace

TEST_CASE("norm and gradient do not depend on the threads") {
  const int64_t rows = 1111, columns = 45;
  require_same_for_any_threads([&] {
    Floats x = wave(rows * columns), delta = wave(rows * columns), weight = wave(columns),
           sum = zero_floats(rows * columns), y = sum, rstd = zero_floats(rows),
           d_weight = wave(columns), scratch = zero_floats(kRmsNormScratchRows * columns);
    rms_norm_forward({}, {rows, columns, 1e-5, x.data(), delta.data(), weight.data(), sum.data(),
                          y.data(), rstd.data()});
    rms_norm_backward({}, {rows, columns, true, x.data(), sum.data(), weight.data(), rstd.data(),
                           delta.data(), d_weight.data(), scratch.data()});
    return std::vector<Floats>{sum, y, rstd, delta, d_weight};
  });
}

TEST_CASE("rotation, gated product, loss and AdamW do not depend on the threads") {
  const int64_t rows = 1111, heads = 3, size = 14, width = heads * size;
  require_same_for_any_threads([&] {
    Floats qkv = wave(rows * 3 * width), table = wave(rows * size / 2),
           y = zero_floats(rows * width), gate_up = wave(rows * 2 * width), d_gate_up = gate_up,
           logits = wave(rows * width), loss = zero_floats(rows), master = wave(rows * width),
           m = master, v = zero_floats(rows * width);
    const std::vector<int64_t> targets(static_cast<size_t>(rows), 5);
    const float norm = 3;
    rotary({}, {rows, rows, heads, size, false, table.data(), table.data(), qkv.data()});
    swiglu_forward({}, {rows, width, gate_up.data(), y.data(), nullptr, nullptr});
    swiglu_backward({}, {rows, width, gate_up.data(), nullptr, y.data(), d_gate_up.data()});
    cross_entropy({}, {rows, width, 0.5f, logits.data(), targets.data(), loss.data()});
    adamw({}, {rows * width, 3, 0.1, 0.9, 0.95, 1e-8, 0.1, 1.0, &norm, y.data(), master.data(),
               m.data(), v.data(), master.data()});
    return std::vector<Floats>{qkv, y, d_gate_up, logits, loss, master, m, v};
  });
}

TEST_CASE("attention does not depend on the threads") {
  const int64_t sequences = 3, context = 75, heads = 5, size = 10, width = heads * size;
  require_same_for_any_threads([&] {
    Floats qkv = wave(sequences * context * 3 * width), d_qkv = qkv,
           attended = zero_floats(sequences * context * width),
           d_attended = wave(sequences * context * width),
           log_sum_exp = zero_floats(sequences * heads * context);
    const CausalAttention problem{
        sequences,          context,           heads,       size, qkv.data(), attended.data(),
        log_sum_exp.data(), d_attended.data(), d_qkv.data()};
    causal_attention_forward(problem);
    causal_attention_backward(problem);
    return std::vector<Floats>{attended, log_sum_exp, d_qkv};
  });
}

TEST_CASE("a product does not depend on the threads, cut by its rows or by its columns") {
  struct Size {
    int64_t rows, columns, inner;
  };
  for (auto [rows, columns, inner] :
       {Size{1111, 37, 70}, Size{37, 1111, 70}, Size{61, 45, 4000}, Size{500, 530, 300}}) {
    for (bool transposed : {false, true}) {
      require_same_for_any_threads([&, rows = rows, columns = columns, inner = inner] {
        Floats a = wave(rows * inner), b = wave(inner * columns), c = wave(rows * columns);
        matrix_product({rows, columns, inner, a.data(), transposed ? 1 : inner,
                        transposed ? rows : 1, b.data(), transposed ? 1 : columns,
                        transposed ? inner : 1, c.data(), columns, true});
        return std::vector<Floats>{c};
      });
    }
  }
}

}  // namespace crosslaw::trainer
