// What must hold of the model by its mathematics, apart from autograd.
#include <ATen/ATen.h>

#include <cmath>

#include "tests/support/catch.h"
#include "trainer/model/llama.h"

namespace crosslaw::trainer {
namespace {

at::Tensor random_batch(int64_t sequences, int64_t context, int64_t vocabulary, uint64_t seed = 7) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randint(0, vocabulary, {sequences, context + 1}, generator, at::kLong);
}

double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

}  // namespace

// Along the gradient the loss rises as fast as the gradient is long.
TEST_CASE("finite differences of the loss agree with the gradient, weight by weight") {
  for (const ModelShape& shape :
       {ModelShape{40, 16, 24, 2, 2, true}, ModelShape{33, 12, 20, 3, 1, false}}) {
    Llama model(shape, 20, 2, at::kFloat, at::kCPU);
    model.parameters.initialize(5, 0.3);
    at::Tensor tokens = random_batch(2, 20, shape.vocabulary);
    model.accumulate_gradients(tokens, 1.0 / 40);
    at::Tensor gradients = model.parameters.gradients.clone();
    for (const ParameterSlot& slot : model.parameters.slots()) {
      at::Tensor weight = model.parameters.weight(slot.name),
                 gradient = model.parameters.view(gradients, slot.name).clone();
      double length = gradient.norm().item<double>(), step = 3e-3;
      REQUIRE(length > 0);
      at::Tensor direction = gradient / length, start = weight.clone();
      auto loss_at = [&](double distance) {
        weight.copy_(start + distance * direction);
        return model.loss_sum(tokens).item<double>() / 40;
      };
      double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
      weight.copy_(start);
      INFO(slot.name);
      CHECK(slope == Approx(length).epsilon(0.01));
    }
  }
}

TEST_CASE("the loss of a token does not depend on what comes after it") {
  ModelShape shape{50, 16, 24, 2, 2, true};
  Llama longer(shape, 40, 1, at::kFloat, at::kCPU), shorter(shape, 25, 1, at::kFloat, at::kCPU);
  longer.parameters.initialize(1, 0.2);
  shorter.parameters.initialize(1, 0.2);
  at::Tensor tokens = random_batch(1, 40, 50), other = tokens.clone();
  other.narrow(1, 26, 15).copy_(random_batch(1, 14, 50, 9));
  // The first 25 losses are those of the shorter context; the rest differ.
  double first = shorter.loss_sum(tokens.narrow(1, 0, 26)).item<double>();
  double rest = longer.loss_sum(tokens).item<double>() - first;
  double other_rest = longer.loss_sum(other).item<double>() - first;
  CHECK(shorter.loss_sum(other.narrow(1, 0, 26)).item<double>() == first);
  CHECK(std::abs(rest - other_rest) > 0.1);
  CHECK(rest > 0);
}

TEST_CASE("the order of sequences in a batch changes neither loss nor gradient") {
  ModelShape shape{60, 12, 20, 2, 2, false};
  Llama model(shape, 17, 5, at::kFloat, at::kCPU);
  model.parameters.initialize(2, 0.1);
  at::Tensor tokens = random_batch(5, 17, 60);
  double loss = model.accumulate_gradients(tokens, 0.01).item<double>();
  at::Tensor gradients = model.parameters.gradients.clone();
  model.parameters.gradients.zero_();
  double flipped = model.accumulate_gradients(tokens.flip({0}), 0.01).item<double>();
  CHECK(flipped == Approx(loss).epsilon(1e-6));
  CHECK(largest(model.parameters.gradients - gradients) < 1e-5 * largest(gradients));
}

TEST_CASE("fewer sequences than the buffers hold, in any order of sizes, give their own losses") {
  ModelShape shape{60, 12, 20, 2, 1, true};
  Llama model(shape, 16, 6, at::kFloat, at::kCPU);
  model.parameters.initialize(2, 0.1);
  at::Tensor tokens = random_batch(6, 16, 60);
  std::vector<double> alone;
  for (int64_t i = 0; i < 6; ++i)
    alone.push_back(model.loss_sum(tokens.narrow(0, i, 1)).item<double>());
  for (int64_t count : {6, 1, 4, 2, 5, 3}) {
    double expected = 0;
    for (int64_t i = 0; i < count; ++i) expected += alone[static_cast<size_t>(i)];
    CHECK(model.loss_sum(tokens.narrow(0, 0, count)).item<double>() ==
          Approx(expected).epsilon(1e-6));
  }
}

TEST_CASE(
    "a model whose weights are all zero knows nothing: log V a token, and no NaN in a gradient") {
  ModelShape shape{97, 12, 20, 2, 2, true};
  Llama model(shape, 16, 2, at::kFloat, at::kCPU);
  at::Tensor tokens = random_batch(2, 16, 97);
  CHECK(model.loss_sum(tokens).item<double>() == Approx(32 * std::log(97.0)));
  model.accumulate_gradients(tokens, 1.0);
  CHECK(at::isfinite(model.parameters.gradients).all().item<bool>());
}

TEST_CASE("a scaled loss has scaled gradients, and gradients are added to what is there") {
  ModelShape shape{60, 12, 20, 2, 1, false};
  Llama model(shape, 16, 2, at::kFloat, at::kCPU);
  model.parameters.initialize(3, 0.1);
  at::Tensor tokens = random_batch(2, 16, 60);
  model.accumulate_gradients(tokens, 0.125);
  at::Tensor one = model.parameters.gradients.clone();
  model.parameters.gradients.zero_();
  model.accumulate_gradients(tokens, 0.5);
  CHECK(largest(model.parameters.gradients - 4 * one) < 1e-6 * largest(one));
  model.accumulate_gradients(tokens, 0.125);
  CHECK(largest(model.parameters.gradients - 5 * one) < 1e-5 * largest(one));
}

TEST_CASE(
    "tokens that never appear and are never predicted have no embedding gradient of their own") {
  ModelShape shape{80, 12, 20, 2, 1, false};
  Llama model(shape, 16, 1, at::kFloat, at::kCPU);
  model.parameters.initialize(4, 0.1);
  at::Tensor tokens = random_batch(1, 16, 40);  // of 80
  model.accumulate_gradients(tokens, 1.0);
  CHECK(largest(model.parameters.gradient("embedding").narrow(0, 40, 40)) == 0);
  // The head's rows sum to nothing: the probabilities and the targets both sum to one.
  at::Tensor head = model.parameters.gradient("unembedding");
  CHECK(largest(head.sum_to_size({12})) < 1e-4 * largest(head));
}

}  // namespace crosslaw::trainer
