// The GPU's path through the model, its kernels on the machine of tests/support/cuda_on_cpu and its
// tensors on the CPU: all that a machine without a GPU can say of it. Attention and the large
// products are LibTorch's.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "tests/support/catch.h"
#include "trainer/model/llama.h"

namespace crosslaw::trainer {
namespace {

constexpr int64_t kContext = 24, kSequences = 2;
constexpr double kTokens = static_cast<double>(kSequences * kContext);

struct Trainer {
  Llama model;
  Trainer(const ModelShape& shape, at::ScalarType type, Llama::Path path)
      : model(shape, kContext, kSequences, type, at::kCPU, path) {
    at::set_num_threads(1);  // the matrices are small
    model.parameters.initialize(3, 0.0);
  }

  // One AdamW step on a batch that depends on `step` alone; its loss.
  double take(int64_t step, int64_t vocabulary) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(step % 7));
    at::Tensor tokens =
        at::randint(0, vocabulary, {kSequences, kContext + 1}, generator, at::kLong);
    Parameters& p = model.parameters;
    p.gradients.zero_();
    double loss = model.accumulate_gradients(tokens, 1 / kTokens).item<double>() / kTokens;
    at::Tensor norm = at::linalg_vector_norm(p.gradients);
    adamw(model.target(),
          {p.count(), step + 1, 0.005, 0.9, 0.95, 1e-8, 0.1, 1.0, norm.data_ptr<float>(),
           p.gradients.data_ptr<float>(), p.master.data_ptr<float>(), p.moment1.data_ptr<float>(),
           p.moment2.data_ptr<float>(), p.weights.mutable_data_ptr()});
    return loss;
  }
};

double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor expected = b.to(at::kDouble);
  return ((a.to(at::kDouble) - expected).norm() / expected.norm()).item<double>();
}

void compare_gradients(const ModelShape& shape, at::ScalarType type, double loss_tolerance,
                       double gradient_tolerance) {
  Trainer cpu(shape, at::kFloat, Llama::Path::kCpu), gpu(shape, type, Llama::Path::kGpu);
  CHECK(gpu.take(0, shape.vocabulary) ==
        Approx(cpu.take(0, shape.vocabulary)).epsilon(loss_tolerance));
  for (const ParameterSlot& slot : cpu.model.parameters.slots()) {
    INFO(slot.name);
    CHECK(relative_difference(gpu.model.parameters.gradient(slot.name),
                              cpu.model.parameters.gradient(slot.name)) < gradient_tolerance);
  }
}

}  // namespace

TEST_CASE("the GPU's path in fp32 has the losses and gradients of the CPU's") {
  compare_gradients({256, 64, 172, 4, 2, true}, at::kFloat, 1e-6, 1e-5);
  compare_gradients({301, 48, 121, 3, 2, false}, at::kFloat, 1e-6, 1e-5);
}

TEST_CASE("the GPU's path in bf16 is near the CPU's") {
  compare_gradients({256, 64, 172, 4, 2, true}, at::kBFloat16, 1e-2, 4e-2);
}

// A sum that was rounded to bf16 on its way is a number of 8 bits; one in fp32 hardly ever is.
TEST_CASE("weight gradients of bf16 data are sums in fp32, those of the embedding too") {
  Trainer gpu({5, 64, 88, 4, 2, false}, at::kBFloat16, Llama::Path::kGpu);
  gpu.take(0, 5);
  for (const ParameterSlot& slot : gpu.model.parameters.slots()) {
    INFO(slot.name);
    const at::Tensor gradient = gpu.model.parameters.gradient(slot.name);
    const at::Tensor short_ones = gradient == gradient.to(at::kBFloat16).to(at::kFloat);
    CHECK(short_ones.to(at::kDouble).mean().item<double>() < 0.1);
  }
}

TEST_CASE("a hundred steps on the GPU's path in fp32 lose as those on the CPU's do") {
  const ModelShape shape{61, 16, 40, 2, 2, true};
  Trainer cpu(shape, at::kFloat, Llama::Path::kCpu), gpu(shape, at::kFloat, Llama::Path::kGpu);
  double first = 0, last = 0;
  for (int64_t step = 0; step < 100; ++step) {
    last = cpu.take(step, shape.vocabulary);
    if (step == 0) first = last;
    CHECK(gpu.take(step, shape.vocabulary) == Approx(last).epsilon(1e-5));
  }
  CHECK(last < 0.7 * first);  // they have learned something
}

}  // namespace crosslaw::trainer
