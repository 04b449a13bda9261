// Every kernel's CUDA twin against its CPU twin. Hidden, for most machines have no GPU:
// scripts/gpu_check.sh runs them.
#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "tests/support/catch.h"
#include "trainer/model/gpu_device.h"
#include "trainer/model/gpu_recording.h"
#include "trainer/model/kernels/kernels.h"
#include "trainer/model/llama.h"
#include "trainer/repeated_pass.h"

namespace crosslaw::trainer {
namespace {

double difference(const at::Tensor& gpu, const at::Tensor& cpu) {
  at::Tensor expected = cpu.to(at::kDouble);
  return ((gpu.cpu().to(at::kDouble) - expected).norm() / expected.norm()).item<double>();
}

// One forward and backward pass of the same weights on both devices.
void compare_models(const ModelShape& shape, int64_t context, at::ScalarType type,
                    double tolerance) {
  REQUIRE(visible_gpus() > 0);
  const int64_t sequences = 3;
  Llama cpu(shape, context, sequences, at::kFloat, at::kCPU);
  Llama gpu(shape, context, sequences, type, at::Device(at::kCUDA, 0));
  cpu.parameters.initialize(3, 0.0);
  gpu.parameters.initialize(3, 0.0);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
  at::Tensor tokens =
      at::randint(0, shape.vocabulary, {sequences, context + 1}, generator, at::kLong);
  const double count = static_cast<double>(sequences * context);
  const double expected = cpu.accumulate_gradients(tokens, 1 / count).item<double>() / count;
  at::Tensor there = tokens.to(at::Device(at::kCUDA, 0));
  const double loss = gpu.accumulate_gradients(there, 1 / count).item<double>() / count;
  CHECK(loss == Approx(expected).epsilon(tolerance));
  at::Tensor first = gpu.parameters.gradients.clone();
  for (const ParameterSlot& slot : cpu.parameters.slots()) {
    INFO(slot.name);
    CHECK(difference(gpu.parameters.gradient(slot.name), cpu.parameters.gradient(slot.name)) <
          4 * tolerance);
  }
  gpu.parameters.gradients.zero_();
  gpu.accumulate_gradients(there, 1 / count);
  CHECK(at::equal(first, gpu.parameters.gradients));  // the same inputs give the same bits
}

void compare_adamw(double clip_norm) {
  const int64_t count = 10'007;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(11);
  auto random = [&] { return at::randn({count}, generator, at::kFloat); };
  at::Tensor gradient = random(), master = random(), moment1 = random() * 0.1,
             moment2 = random().pow(2), norm = gradient.norm().reshape({1});
  auto there = [](const at::Tensor& t) {
    return t.to(at::Device(at::kCUDA, 0), t.scalar_type(), false, true);
  };
  at::Tensor gpu_gradient = there(gradient), gpu_master = there(master), gpu_norm = there(norm),
             gpu_moment1 = there(moment1), gpu_moment2 = there(moment2);
  at::Tensor weights = at::empty({count}, gpu_master.options().dtype(at::kBFloat16));
  AdamW step{count,
             5,
             1e-2,
             0.9,
             0.95,
             1e-8,
             0.1,
             clip_norm,
             norm.data_ptr<float>(),
             gradient.data_ptr<float>(),
             master.data_ptr<float>(),
             moment1.data_ptr<float>(),
             moment2.data_ptr<float>(),
             master.data_ptr<float>()};
  adamw({}, step);
  AdamW same = step;
  same.gradient_norm = gpu_norm.data_ptr<float>(), same.gradient = gpu_gradient.data_ptr<float>();
  same.master = gpu_master.data_ptr<float>(), same.weights = weights.mutable_data_ptr();
  same.moment1 = gpu_moment1.data_ptr<float>(), same.moment2 = gpu_moment2.data_ptr<float>();
  adamw({true, Precision::kBfloat16, gpu_stream()}, same);
  CHECK(difference(gpu_master, master) < 1e-6);
  CHECK(difference(gpu_moment1, moment1) < 1e-6);
  CHECK(difference(gpu_moment2, moment2) < 1e-6);
  CHECK(at::equal(weights, gpu_master.to(at::kBFloat16)));
}

// Ten AdamW steps in bf16 at a context where attention has several blocks; losses, norms, weights.
struct TenSteps {
  std::vector<double> numbers;
  at::Tensor weights;
};

TenSteps ten_steps(std::unique_ptr<Recording> recording) {
  const ModelShape shape{512, 256, 688, 4, 4, true};
  const int64_t context = 2048, sequences = 2;
  const at::Device gpu(at::kCUDA, 0);
  Llama model(shape, context, sequences, at::kBFloat16, gpu);
  model.parameters.initialize(3, 0.0);
  Parameters& p = model.parameters;
  RepeatedPass pass(std::move(recording), [](const std::string& why) { FAIL_CHECK(why); });
  TenSteps found;
  for (uint64_t step = 0; step < 10; ++step) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(step);
    at::Tensor tokens =
        at::randint(0, shape.vocabulary, {sequences, context + 1}, generator, at::kLong).to(gpu);
    p.gradients.zero_();
    at::Tensor loss = pass.accumulate_gradients(model, tokens, 1.0 / (2 * 2048));
    at::Tensor norm = at::linalg_vector_norm(p.gradients);
    adamw(model.target(),
          {p.count(), static_cast<int64_t>(step) + 1, 1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0,
           norm.data_ptr<float>(), p.gradients.data_ptr<float>(), p.master.data_ptr<float>(),
           p.moment1.data_ptr<float>(), p.moment2.data_ptr<float>(), p.weights.mutable_data_ptr()});
    found.numbers.push_back(loss.item<double>());
    found.numbers.push_back(norm.item<double>());
  }
  found.weights = p.master.cpu();
  return found;
}

}  // namespace

// Before the others: LibTorch reads how cuBLAS is set once. gpu_check.sh sets it, too.
TEST_CASE("on a GPU, asked for determinism, ten steps have the same bits, replayed or not",
          "[.][gpu]") {
  REQUIRE(visible_gpus() > 0);
  prefer_deterministic_attention();
  const TenSteps eager = ten_steps(nullptr), again = ten_steps(nullptr),
                 replayed = ten_steps(gpu_recording());
  CHECK(eager.numbers == again.numbers);
  CHECK(at::equal(eager.weights, again.weights));
  CHECK(eager.numbers == replayed.numbers);
  CHECK(at::equal(eager.weights, replayed.weights));
}

TEST_CASE("on a GPU in fp32 losses and gradients equal the CPU's", "[.][gpu]") {
  compare_models({256, 64, 172, 4, 2, true}, 64, at::kFloat, 1e-4);
  compare_models({301, 48, 128, 3, 3, false}, 100, at::kFloat, 1e-4);
}

TEST_CASE("on a GPU in bf16 losses and gradients are near the CPU's", "[.][gpu]") {
  compare_models({512, 128, 344, 4, 4, true}, 128, at::kBFloat16, 1e-2);
}

TEST_CASE("on a GPU one AdamW step equals the CPU's, clipped or not", "[.][gpu]") {
  compare_adamw(1.0);
  compare_adamw(0.0);
}

}  // namespace crosslaw::trainer
