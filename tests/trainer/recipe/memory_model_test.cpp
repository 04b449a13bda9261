#include "trainer/recipe/memory_model.h"

#include "tests/support/catch.h"
#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {
namespace {

// 5534M of the paper's ladder.
const ModelShape kLargest{32000, 3072, 8448, 24, 36, false};

TrainingSetup on_gpu(const ModelShape& shape, int64_t micro_batch, int64_t ranks) {
  return {shape, 2048, micro_batch, ranks, true, true};
}

}  // namespace

// By hand: P = 4,358,630,400; the paper names the size by another count.
TEST_CASE("the largest size holds 78.5 GB of states on one GPU and 32.7 GB on each of eight") {
  const MemoryUse one = memory_use(on_gpu(kLargest, 1, 1)),
                  of8 = memory_use(on_gpu(kLargest, 1, 8));
  const auto params = static_cast<double>(count_parameters(kLargest).total());
  CHECK(params == 4'358'630'400);
  CHECK(one.weights == 2 * params);
  CHECK(one.gradients == 4 * params);
  CHECK(one.master == 4 * params);
  CHECK(one.moments == 8 * params);
  CHECK(one.states() == 18 * params);
  CHECK(of8.states() == Approx((2 + 4 + 12.0 / 8) * params).epsilon(1e-15));
  CHECK(of8.activations() == one.activations());
}

// Row by row of one layer, as the model's buffers are declared.
TEST_CASE("activations of a sequence are those of its buffers, counted one by one") {
  const ModelShape s{1000, 16, 40, 2, 3, true};
  const double rows = 2 * 8, d = 16, f = 40;
  const MemoryUse cpu = memory_use({s, 8, 2, 1, false, false});
  const double input = d, input_normed = d, qkv = 3 * d, attended = d, middle = d,
               middle_normed = d, gate_up = 2 * f, gated = f, both_rstd = 2, log_sum_exp = 2;
  CHECK(cpu.layers == 3 * 4 * rows *
                          (input + input_normed + qkv + attended + middle + middle_normed +
                           gate_up + gated + both_rstd + log_sum_exp));
  CHECK(cpu.attention + cpu.weight_gradients + cpu.libraries + cpu.master == 0);
  const MemoryUse gpu = memory_use({s, 8, 2, 1, true, true});
  // There the attention output is the one that attention keeps.
  CHECK(gpu.layers == 3 * rows * (2 * (7 * d + 3 * f) + 4 * 2));
  CHECK(gpu.attention == 3 * rows * (2 * d + 4 * 2) + 3 * 2 * rows * d);
  CHECK(gpu.weight_gradients == 2 * 2 * 8 * rows);  // tokens and places, sorted and not
}

TEST_CASE("logits are held in blocks, whatever the batch") {
  const ModelShape s{32000, 1024, 2816, 16, 20, false};
  CHECK(head_rows(s, 2048 * 64, true) == 8192);  // 2^28 logits are 8388 rows; whole tiles of them
  CHECK(head_rows(s, 2048, true) == 2048);
  CHECK(head_rows(s, 2048, false) == 64);
  CHECK(head_rows(s, 10, false) == 10);
  CHECK(memory_use(on_gpu(s, 8, 1)).logits < 0.6e9);
}

// What nvidia-smi told of an H200 while sizes of the paper's ladder trained, context 2048, bf16.
TEST_CASE("the memory of a run is within 2 % of what an H200 held") {
  constexpr double kContextGib = 0.6;  // CUDA's own, beside what the trainer asks for
  struct Measured {
    ModelShape shape;
    int64_t sequences;
    double gib;
  };
  for (const Measured& m : {Measured{{32000, 640, 1792, 10, 16, false}, 16, 14.4},
                            {{32000, 640, 1792, 10, 16, false}, 64, 47.7},
                            {{32000, 640, 1792, 10, 16, false}, 128, 92.2},
                            {{32000, 1024, 2816, 16, 20, false}, 64, 93.4},
                            {{32000, 1792, 4864, 14, 20, false}, 32, 91.6},
                            {{32000, 2304, 6400, 18, 32, false}, 8, 77.1},
                            {{32000, 3072, 8448, 24, 36, false}, 1, 81.1}}) {
    INFO(m.shape.hidden << " wide, " << m.sequences << " sequences");
    const double gib = memory_use(on_gpu(m.shape, m.sequences, 1)).total() / (1 << 30);
    CHECK(gib + kContextGib == Approx(m.gib).epsilon(0.02));
  }
}

// 5534M leaves 66 GiB of an H200 free; four sequences more take 29.
TEST_CASE("a micro-batch beside states that lie there already does not count them twice") {
  const TrainingSetup one = on_gpu(kLargest, 1, 1);
  const double free_bytes = 63.0 * (1 << 30);
  const int64_t found = largest_micro_batch_beside_states(one, 32, free_bytes);
  CHECK(found == largest_micro_batch(one, 32, free_bytes + memory_use(one).states()));
  CHECK(found >= 4);
  CHECK(memory_use(on_gpu(kLargest, found, 1)).activations() <= free_bytes);
  CHECK(largest_micro_batch_beside_states(one, 32, 1e9) == 1);
}

TEST_CASE("a micro-batch is the largest divisor that fits, and the next one does not") {
  for (double budget : {8e9, 40e9, 75e9}) {
    for (int64_t batch : {512, 96, 7}) {
      const ModelShape s{32000, 1024, 2816, 16, 20, false};
      const auto found = largest_micro_batch(on_gpu(s, 1, 1), batch, budget);
      REQUIRE(found);
      CHECK(batch % *found == 0);
      CHECK(memory_use(on_gpu(s, *found, 1)).total() <= budget);
      int64_t next = *found + 1;
      while (next <= batch && batch % next != 0) ++next;
      if (next <= batch) CHECK(memory_use(on_gpu(s, next, 1)).total() > budget);
    }
  }
  CHECK_FALSE(largest_micro_batch(on_gpu(kLargest, 1, 1), 2048, plannable_gpu_bytes(80e9)));
}

TEST_CASE("the largest size of the paper fits eight cards of 80 GB and one of 141 GB") {
  CHECK(largest_micro_batch(on_gpu(kLargest, 1, 8), 2048 / 8, plannable_gpu_bytes(80e9)) >= 4);
  CHECK(largest_micro_batch(on_gpu(kLargest, 1, 1), 2048, plannable_gpu_bytes(141e9)) >= 2);
}

TEST_CASE("each kind grows with what it is said to grow with") {
  const ModelShape s{32000, 1024, 2816, 16, 20, false};
  const MemoryUse one = memory_use(on_gpu(s, 1, 1)), two = memory_use(on_gpu(s, 2, 1));
  CHECK(two.layers == 2 * one.layers);
  CHECK(two.states() == one.states());
  CHECK(two.weight_gradients == 2 * one.weight_gradients);
  CHECK(two.total() > one.total());
}

}  // namespace crosslaw::trainer
