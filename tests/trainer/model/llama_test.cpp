#include "trainer/model/llama.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "tests/support/catch.h"
#include "tests/support/plain_llama.h"

namespace crosslaw::trainer {
namespace {

at::Tensor random_tokens(int64_t sequences, int64_t context, int64_t vocabulary) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
  return at::randint(0, vocabulary, {sequences, context + 1}, generator, at::kLong);
}

std::map<std::string, at::Tensor> leaves_of(const Parameters& parameters, at::ScalarType type) {
  std::map<std::string, at::Tensor> leaves;
  for (const ParameterSlot& slot : parameters.slots()) {
    leaves[slot.name] = parameters.weight(slot.name).clone().to(type).requires_grad_();
  }
  return leaves;
}

// Largest difference over the largest magnitude.
double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).abs().max() / b.to(at::kDouble).abs().max())
      .item<double>();
}

void compare_with_autograd(const ModelShape& shape, int64_t context, int64_t sequences) {
  Llama model(shape, context, sequences, at::kFloat, at::kCPU);
  model.parameters.initialize(3, 0.0);
  // Norm weights of exactly one would hide a missing factor.
  for (const ParameterSlot& slot : model.parameters.slots()) {
    if (slot.is_norm) model.parameters.weight(slot.name).mul_(at::linspace(0.5, 1.5, slot.count()));
  }
  at::Tensor tokens = random_tokens(sequences, context, shape.vocabulary);
  auto leaves = leaves_of(model.parameters, at::kDouble);
  at::Tensor expected = tests::plain_llama_loss(shape, leaves, tokens);
  std::vector<at::Tensor> inputs;
  for (const ParameterSlot& slot : model.parameters.slots()) inputs.push_back(leaves.at(slot.name));
  auto gradients = torch::autograd::grad({expected}, inputs);

  double count = static_cast<double>(sequences * context);
  double loss = model.accumulate_gradients(tokens, 1.0 / count).item<double>() / count;
  CHECK(loss == Approx(expected.item<double>()).epsilon(1e-6));
  CHECK(model.loss_sum(tokens).item<double>() / count ==
        Approx(expected.item<double>()).epsilon(1e-6));
  for (size_t i = 0; i < inputs.size(); ++i) {
    INFO(model.parameters.slots()[i].name);
    CHECK(relative_difference(model.parameters.gradient(model.parameters.slots()[i].name),
                              gradients[i]) < 2e-5);
  }
}

}  // namespace

TEST_CASE("the written-out backward pass equals autograd with a tied head") {
  compare_with_autograd({256, 20, 52, 2, 2, true}, 64, 3);
}

TEST_CASE("the written-out backward pass equals autograd with a head of its own and odd widths") {
  compare_with_autograd({301, 36, 44, 3, 3, false}, 37, 2);
}

// kv_heads and head_dim stand behind the fields that every shape names.
TEST_CASE(
    "keys and values shared by groups of queries, and heads wider or narrower than the model") {
  compare_with_autograd({120, 24, 40, 4, 2, true, 1e-5, 1e4, 2, 0}, 70, 2);
  compare_with_autograd({120, 24, 40, 4, 2, false, 1e-5, 5e5, 1, 8}, 37, 2);
  compare_with_autograd({120, 24, 40, 3, 1, true, 1e-6, 1e4, 3, 4}, 33, 3);
  compare_with_autograd({120, 64, 40, 4, 1, true, 1e-6, 1e4, 2, 6}, 33, 1);
}

TEST_CASE("contexts longer than one attention block are right") {
  compare_with_autograd({64, 16, 40, 2, 1, true}, 150, 2);
}

TEST_CASE("matrices cut into several blocks are right") {
  compare_with_autograd({1200, 72, 1000, 4, 1, false}, 24, 2);
}

TEST_CASE("gradients add up over micro-batches") {
  ModelShape shape{256, 16, 40, 2, 2, true};
  Llama whole(shape, 32, 4, at::kFloat, at::kCPU), parts(shape, 32, 2, at::kFloat, at::kCPU);
  whole.parameters.initialize(1, 0.02);
  parts.parameters.initialize(1, 0.02);
  at::Tensor tokens = random_tokens(4, 32, 256);
  whole.accumulate_gradients(tokens, 1.0 / 128);
  parts.accumulate_gradients(tokens.narrow(0, 0, 2), 1.0 / 128);
  parts.accumulate_gradients(tokens.narrow(0, 2, 2), 1.0 / 128);
  CHECK(relative_difference(parts.parameters.gradients, whole.parameters.gradients) < 1e-5);
}

TEST_CASE("the same batch gives the same bits twice") {
  ModelShape shape{256, 24, 64, 2, 2, true};
  Llama model(shape, 64, 2, at::kFloat, at::kCPU);
  model.parameters.initialize(1, 0.0);
  at::Tensor tokens = random_tokens(2, 64, 256);
  model.accumulate_gradients(tokens, 1.0);
  at::Tensor first = model.parameters.gradients.clone();
  model.parameters.gradients.zero_();
  model.accumulate_gradients(tokens, 1.0);
  CHECK(at::equal(first, model.parameters.gradients));
}

TEST_CASE("a NaN weight reaches the loss") {
  ModelShape shape{256, 16, 40, 2, 1, true};
  Llama model(shape, 32, 1, at::kFloat, at::kCPU);
  model.parameters.initialize(1, 0.0);
  model.parameters.weight("layers.0.down").fill_(std::nan(""));
  CHECK(std::isnan(model.loss_sum(random_tokens(1, 32, 256)).item<double>()));
}

TEST_CASE("one NaN in the row of a token that never comes reaches loss and gradients") {
  ModelShape shape{256, 16, 40, 2, 1, false};
  Llama model(shape, 32, 1, at::kFloat, at::kCPU);
  model.parameters.initialize(1, 0.0);
  model.parameters.weight("unembedding")[255][3].fill_(std::nan(""));
  at::Tensor tokens = random_tokens(1, 32, 255);
  CHECK(std::isnan(model.loss_sum(tokens).item<double>()));
  CHECK(std::isnan(model.accumulate_gradients(tokens, 1.0).item<double>()));
  CHECK(std::isnan(at::linalg_vector_norm(model.parameters.gradients).item<double>()));
}

}  // namespace crosslaw::trainer
