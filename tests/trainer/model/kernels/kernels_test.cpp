#include "trainer/model/kernels/kernels.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/support/catch.h"
#include "trainer/model/parameters.h"

namespace crosslaw::trainer {
namespace {

const KernelTarget kCpu;

at::Tensor random(at::IntArrayRef shape, uint64_t seed, double scale = 1.0) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::kFloat) * scale;
}

at::Tensor leaf(const at::Tensor& tensor) {
  return tensor.to(at::kDouble).detach().clone().requires_grad_();
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).abs().max() /
          b.to(at::kDouble).abs().max().clamp_min(1e-30))
      .item<double>();
}

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

}  // namespace

TEST_CASE("residual and RMSNorm, forward and backward, equal autograd") {
  for (int64_t columns : {4, 20, 37, 130}) {
    int64_t rows = 9;
    at::Tensor x = random({rows, columns}, 1), delta = random({rows, columns}, 2),
               weight = random({columns}, 3), d_y = random({rows, columns}, 4);
    at::Tensor sum = at::empty_like(x), y = at::empty_like(x), rstd = at::empty({rows}),
               through = random({rows, columns}, 5);
    rms_norm_forward(kCpu, {rows, columns, 1e-5, data(x), data(delta), data(weight), data(sum),
                            data(y), data(rstd)});
    at::Tensor total = leaf(x + delta), w = leaf(weight);
    at::Tensor expected = total * at::rsqrt(total.pow(2).mean(-1, true) + 1e-5) * w;
    CHECK(difference(y, expected) < 1e-5);
    CHECK(difference(sum, x + delta) == 0);
    auto gradients = torch::autograd::grad({expected}, {total, w}, {d_y.to(at::kDouble)});
    at::Tensor d_sum = through.clone(), d_weight = at::ones({columns}),
               scratch = at::empty({kRmsNormScratchRows, columns});
    rms_norm_backward(kCpu, {rows, columns, true, data(d_y), data(sum), data(weight), data(rstd),
                             data(d_sum), data(d_weight), data(scratch)});
    CHECK(difference(d_sum, through.to(at::kDouble) + gradients[0]) < 1e-5);
    CHECK(difference(d_weight, gradients[1] + 1) < 1e-5);
    rms_norm_backward(kCpu, {rows, columns, false, data(d_y), data(sum), data(weight), data(rstd),
                             data(d_sum), data(d_weight), data(scratch)});
    CHECK(difference(d_sum, gradients[0]) < 1e-5);
  }
}

TEST_CASE("the gated feed-forward product equals autograd, far out in its tails too") {
  for (double scale : {1.0, 60.0}) {
    int64_t rows = 5, columns = 52;
    at::Tensor gate_up = random({rows, 2 * columns}, 1, scale), d_y = random({rows, columns}, 2),
               y = at::empty({rows, columns}), d_gate_up = at::empty_like(gate_up);
    swiglu_forward(kCpu, {rows, columns, data(gate_up), data(y), nullptr, nullptr});
    at::Tensor input = leaf(gate_up);
    at::Tensor expected = at::silu(input.narrow(1, 0, columns)) * input.narrow(1, columns, columns);
    CHECK(difference(y, expected) < 1e-5);
    swiglu_backward(kCpu, {rows, columns, data(gate_up), nullptr, data(d_y), data(d_gate_up)});
    CHECK(difference(d_gate_up,
                     torch::autograd::grad({expected}, {input}, {d_y.to(at::kDouble)})[0]) < 1e-5);
  }
}

TEST_CASE("the rotary embedding keeps lengths and is undone by its inverse") {
  int64_t context = 12, heads = 3, size = 10, rows = 2 * context;
  at::Tensor angles =
      at::outer(at::arange(context, at::kDouble),
                at::pow(at::full({size / 2}, 10000.0, at::kDouble),
                        -at::arange(size / 2, at::kDouble) * 2 / static_cast<double>(size)));
  at::Tensor cosines = angles.cos().to(at::kFloat).contiguous(),
             sines = angles.sin().to(at::kFloat).contiguous();
  at::Tensor qkv = random({rows, 3 * heads * size}, 1), turned = qkv.clone();
  rotary(kCpu, {rows, context, heads, size, false, data(cosines), data(sines), data(turned)});
  CHECK(difference(turned.narrow(1, 0, 2 * heads * size).norm(2, {1}),
                   qkv.narrow(1, 0, 2 * heads * size).norm(2, {1})) < 1e-6);
  CHECK(at::equal(turned.narrow(1, 2 * heads * size, heads * size),
                  qkv.narrow(1, 2 * heads * size, heads * size)));
  // Hugging Face's pairs: element i turns with element i + size / 2.
  int64_t row = 7, i = 2;
  double expected = qkv[row][i].item<double>() * std::cos(7 * std::pow(10000.0, -0.4)) -
                    qkv[row][i + 5].item<double>() * std::sin(7 * std::pow(10000.0, -0.4));
  CHECK(turned[row][i].item<double>() == Approx(expected).epsilon(1e-5));
  rotary(kCpu, {rows, context, heads, size, true, data(cosines), data(sines), data(turned)});
  CHECK(difference(turned, qkv) < 1e-6);
}

TEST_CASE("cross-entropy and its gradient equal autograd, and huge logits do no harm") {
  for (int64_t vocabulary : {2, 17, 256, 1000}) {
    for (double scale : {1.0, 200.0}) {
      int64_t rows = 6;
      at::Tensor logits = random({rows, vocabulary}, 1, scale),
                 targets = at::arange(rows, at::kLong).remainder(vocabulary),
                 losses = at::empty({rows});
      at::Tensor input = leaf(logits), untouched = logits.clone();
      at::Tensor expected = at::cross_entropy_loss(input, targets, {}, at::Reduction::None);
      cross_entropy(
          kCpu, {rows, vocabulary, 0.25f, data(logits), targets.data_ptr<int64_t>(), data(losses)});
      CHECK(difference(losses, expected) < 1e-5);
      at::Tensor gradient = torch::autograd::grad({expected.sum() * 0.25}, {input})[0];
      CHECK((logits.to(at::kDouble) - gradient).abs().max().item<double>() < 1e-6);
      cross_entropy(kCpu, {rows, vocabulary, 0.0f, data(untouched), targets.data_ptr<int64_t>(),
                           data(losses)});
      CHECK(difference(losses, expected) < 1e-5);
    }
  }
}

TEST_CASE("AdamW equals LibTorch's fused step, clipping included") {
  int64_t count = 77;
  at::Tensor weight = random({count}, 1), theirs = weight.clone(), m = at::zeros({count}),
             v = at::zeros({count}), their_m = m.clone(), their_v = v.clone();
  at::Tensor steps = at::zeros({});
  for (int64_t step = 1; step <= 5; ++step) {
    at::Tensor gradient = random({count}, 10 + static_cast<uint64_t>(step)),
               norm = at::linalg_vector_norm(gradient);
    adamw(kCpu, {count, step, 0.01, 0.9, 0.95, 1e-8, 0.1, 1.0, data(norm), data(gradient),
                 data(weight), data(m), data(v), data(weight)});
    steps += 1;
    at::Tensor clipped = gradient * (1.0 / norm.item<double>());
    std::vector<at::Tensor> p = {theirs}, g = {clipped}, m1 = {their_m}, m2 = {their_v},
                            s = {steps};
    at::_fused_adamw_(p, g, m1, m2, {}, s, 0.01, 0.9, 0.95, 0.1, 1e-8, false, false);
    CHECK(difference(weight, theirs) < 1e-5);
  }
}

TEST_CASE("products equal LibTorch's for all shapes and strides") {
  // On both sides of a block of registers (12 or 24 rows, 16 or 32 columns), of a packed block of a
  // (96 rows), of a panel (256) and of what is packed of b (512 columns).
  for (int64_t rows : {1, 2, 5, 13, 24, 121}) {
    for (int64_t columns : {1, 7, 16, 18, 40, 96, 529}) {
      for (int64_t inner : {1, 3, 65, 300, 513}) {
        at::Tensor a = random({rows, inner}, 1), b = random({inner, columns}, 2),
                   start = random({rows, columns}, 3);
        for (bool transpose : {false, true}) {
          at::Tensor left = transpose ? a.t().contiguous().t() : a,
                     right = transpose ? b.t().contiguous().t() : b;
          for (bool accumulate : {false, true}) {
            at::Tensor c = start.clone();
            matrix_product({rows, columns, inner, data(left), left.stride(0), left.stride(1),
                            data(right), right.stride(0), right.stride(1), data(c), c.stride(0),
                            accumulate});
            at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble)) +
                                  (accumulate ? 1.0 : 0.0) * start.to(at::kDouble);
            REQUIRE((c.to(at::kDouble) - expected).abs().max().item<double>() < 1e-4);
          }
        }
      }
    }
  }
}

TEST_CASE("the flat buffers hold as many weights as the formula counts") {
  for (bool tied : {false, true}) {
    ModelShape shape{300, 24, 64, 2, 3, tied};
    Parameters parameters(shape, at::kFloat, at::kCPU);
    int64_t count = 0;
    for (const ParameterSlot& slot : parameters.slots()) count += slot.count();
    int64_t d = 24, f = 64;
    CHECK(count == 300 * d * (tied ? 1 : 2) + 3 * (4 * d * d + 3 * d * f) + 7 * d);
  }
}

TEST_CASE("initial weights depend on the seed alone and have the spread that was asked for") {
  ModelShape shape{256, 64, 172, 2, 2, true};
  Parameters a(shape, at::kFloat, at::kCPU), b(shape, at::kFloat, at::kCPU),
      other(shape, at::kFloat, at::kCPU);
  a.initialize(1, 0.0), b.initialize(1, 0.0), other.initialize(2, 0.0);
  CHECK(at::equal(a.weights, b.weights));
  CHECK_FALSE(at::equal(a.weights, other.weights));
  CHECK(a.weight("layers.0.down").std().item<double>() ==
        Approx(1 / std::sqrt(3.0 * 172)).epsilon(0.03));
  a.initialize(1, 0.02);
  CHECK(a.weight("layers.1.qkv").std().item<double>() == Approx(0.02).epsilon(0.03));
  CHECK(a.weight("final_norm").min().item<double>() == 1.0);
}

}  // namespace crosslaw::trainer
