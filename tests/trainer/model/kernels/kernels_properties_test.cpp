// What must hold of the CPU kernels by their mathematics, apart from any other implementation.
#include <ATen/ATen.h>

#include <cmath>

#include "tests/support/catch.h"
#include "trainer/model/kernels/kernels.h"
#include "trainer/model/kernels/simd.h"

namespace crosslaw::trainer {
namespace {

const KernelTarget kTarget;

at::Tensor random_numbers(at::IntArrayRef shape, uint64_t seed, double scale = 1.0) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::kFloat) * scale;
}

float* floats_of(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

struct Normed {
  at::Tensor sum, y, rstd;
};

Normed through_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  Normed n{at::empty_like(x), at::empty_like(x), at::empty({x.size(0)})};
  rms_norm_forward(kTarget,
                   {x.size(0), x.size(1), epsilon, floats_of(x), nullptr, floats_of(weight),
                    floats_of(n.sum), floats_of(n.y), floats_of(n.rstd)});
  return n;
}

}  // namespace

TEST_CASE("the fast exponential is right to two units in the last place") {
  double worst = 0;
  for (float x = -87; x < 88; x += 0.00037f) {
    double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(exp_fast(x) - exact) / exact);
  }
  CHECK(worst < 2.4e-7);
  CHECK(exp_fast(0) == 1.0f);
  CHECK(exp_fast(-1000) == 0);
  CHECK(exp_fast(-INFINITY) == 0);
  CHECK(exp_fast(1000) == INFINITY);
  CHECK(exp_fast(INFINITY) == INFINITY);
  CHECK(std::isnan(exp_fast(NAN)));
}

TEST_CASE("the largest of any number of values, wherever it stands") {
  for (int64_t count = 1; count <= 67; ++count) {
    for (int64_t place = 0; place < count; ++place) {
      std::vector<float> values(static_cast<size_t>(count), -3.5f);
      values[static_cast<size_t>(place)] = -1.25f;
      REQUIRE(largest_of(values.data(), count) == -1.25f);
    }
  }
}

TEST_CASE("a norm's output has unit mean square, does not depend on scale, and zero stays zero") {
  for (int64_t columns : {1, 3, 16, 33}) {
    at::Tensor x = random_numbers({7, columns}, 1), ones = at::ones({columns});
    Normed n = through_norm(x, ones, 1e-12), scaled = through_norm(x * 37.0, ones, 1e-12);
    CHECK(largest(n.y.pow(2).mean(-1) - 1) < 1e-5);
    CHECK(largest(n.y - scaled.y) < 1e-5);
    CHECK(at::equal(n.sum, x));
  }
  Normed zero = through_norm(at::zeros({2, 8}), at::ones({8}), 1e-6);
  CHECK(largest(zero.y) == 0);
  CHECK(zero.rstd[0].item<double>() == Approx(1e3));
}

// y does not change along x, so that its gradient has no part along x.
TEST_CASE("the gradient through a norm is orthogonal to its input") {
  at::Tensor x = random_numbers({9, 40}, 2), weight = random_numbers({40}, 3),
             d_y = random_numbers({9, 40}, 4);
  Normed n = through_norm(x, weight, 1e-12);
  at::Tensor d_x = at::full_like(x, NAN), d_weight = at::zeros({40}),
             scratch = at::empty({kRmsNormScratchRows, 40});
  rms_norm_backward(kTarget,
                    {9, 40, false, floats_of(d_y), floats_of(n.sum), floats_of(weight),
                     floats_of(n.rstd), floats_of(d_x), floats_of(d_weight), floats_of(scratch)});
  CHECK(largest((d_x * x).sum(-1)) < 1e-4);
  CHECK(largest(d_weight - (d_y * x * n.rstd.unsqueeze(1)).sum_to_size({40})) < 1e-5);
}

TEST_CASE("a norm may add in place, and the sum is that of LibTorch to the last bit") {
  at::Tensor x = random_numbers({5, 19}, 5), delta = random_numbers({5, 19}, 6),
             weight = random_numbers({19}, 7);
  at::Tensor apart = at::empty_like(x), y = at::empty_like(x), y2 = at::empty_like(x),
             rstd = at::empty({5}), in_place = x.clone();
  rms_norm_forward(kTarget, {5, 19, 1e-5, floats_of(x), floats_of(delta), floats_of(weight),
                             floats_of(apart), floats_of(y), floats_of(rstd)});
  rms_norm_forward(kTarget, {5, 19, 1e-5, floats_of(in_place), floats_of(delta), floats_of(weight),
                             floats_of(in_place), floats_of(y2), floats_of(rstd)});
  CHECK(at::equal(apart, x + delta));
  CHECK(at::equal(in_place, apart));
  CHECK(at::equal(y, y2));
}

TEST_CASE("the product of a rotated query and key depends on their distance alone") {
  int64_t context = 40, size = 8;
  at::Tensor query = random_numbers({size}, 8), key = random_numbers({size}, 9);
  at::Tensor angles = at::outer(at::arange(context, at::kDouble),
                                at::pow(at::full({size / 2}, 100.0, at::kDouble),
                                        -at::arange(size / 2, at::kDouble) * 2 / 8.0));
  at::Tensor cosines = angles.cos().to(at::kFloat).contiguous(),
             sines = angles.sin().to(at::kFloat).contiguous();
  at::Tensor qkv = at::zeros({context, 3 * size});
  qkv.narrow(1, 0, size).copy_(query.expand({context, size}));
  qkv.narrow(1, size, size).copy_(key.expand({context, size}));
  rotary(kTarget,
         {context, context, 1, size, false, floats_of(cosines), floats_of(sines), floats_of(qkv)});
  at::Tensor products =
      at::mm(qkv.narrow(1, 0, size), qkv.narrow(1, size, size).t()).to(at::kDouble);
  for (int64_t distance : {0, 1, 7, 30}) {
    at::Tensor same = products.diagonal(-distance);
    CHECK(largest(same - same[0]) < 1e-4);
  }
  CHECK(products[0][0].item<double>() == Approx((query * key).sum().item<double>()));
}

TEST_CASE("the loss of logits that know nothing is log V, and no constant added changes it") {
  for (int64_t vocabulary : {2, 3, 17, 50'000}) {
    at::Tensor targets = at::tensor({int64_t{0}, vocabulary - 1}, at::kLong), loss = at::empty({2});
    for (double constant : {0.0, -50.0, 1e4}) {
      at::Tensor logits = at::full({2, vocabulary}, constant, at::kFloat);
      cross_entropy(kTarget, {2, vocabulary, 1.0f, floats_of(logits), targets.data_ptr<int64_t>(),
                              floats_of(loss)});
      CHECK(loss[0].item<double>() ==
            Approx(std::log(static_cast<double>(vocabulary))).margin(1e-3));
      // The gradient is the probability, less one at the target; it sums to nothing.
      CHECK(logits[0][1].item<double>() == Approx(1.0 / static_cast<double>(vocabulary)));
      CHECK(std::abs(logits.sum(-1)[1].item<double>()) < 1e-5);
    }
  }
}

TEST_CASE("the loss of one token falls with its logit and never below zero") {
  at::Tensor targets = at::tensor({int64_t{3}}, at::kLong), loss = at::empty({1});
  double before = INFINITY;
  for (double logit = -200; logit <= 200; logit += 12.5) {
    at::Tensor logits = at::zeros({1, 30});
    logits[0][3] = logit;
    cross_entropy(kTarget,
                  {1, 30, 0.0f, floats_of(logits), targets.data_ptr<int64_t>(), floats_of(loss)});
    auto now = loss[0].item<double>();
    CHECK(now <= before);
    CHECK(now >= 0);
    CHECK(now == Approx(std::log1p(29 * std::exp(-logit))).margin(1e-5));
    before = now;
  }
}

namespace {

// One AdamW problem in the kernel's form.
struct Steps {
  at::Tensor w, m, v;
  explicit Steps(const at::Tensor& start)
      : w(start.clone()), m(at::zeros_like(start)), v(at::zeros_like(start)) {}
  void take(int64_t step, const at::Tensor& g, double rate, double decay, double clip,
            double epsilon = 1e-8) {
    at::Tensor norm = at::linalg_vector_norm(g);
    adamw(kTarget, {g.numel(), step, rate, 0.9, 0.95, epsilon, decay, clip, floats_of(norm),
                    floats_of(g), floats_of(w), floats_of(m), floats_of(v), floats_of(w)});
  }
};

}  // namespace

TEST_CASE(
    "AdamW's first step is the learning rate against the gradient's sign, whatever its size") {
  for (double scale : {1e-4, 1.0, 1e4}) {
    at::Tensor start = random_numbers({33}, 10), gradient = random_numbers({33}, 11, scale);
    Steps s(start);
    s.take(1, gradient, 0.01, 0, 0, 1e-12);
    CHECK(largest(s.w - (start - 0.01 * gradient.sign())) < 1e-6);
  }
}

TEST_CASE("without a gradient weights decay in equal ratios and nothing else moves") {
  at::Tensor start = random_numbers({20}, 12);
  Steps s(start);
  for (int64_t step = 1; step <= 50; ++step) s.take(step, at::zeros({20}), 0.1, 0.2, 1.0);
  CHECK(largest(s.w / start - std::pow(1 - 0.1 * 0.2, 50)) < 1e-5);
  CHECK(largest(s.m) == 0);
  CHECK(largest(s.v) == 0);
}

TEST_CASE("clipping scales a long gradient to the norm and leaves a short one alone") {
  at::Tensor start = random_numbers({20}, 13), gradient = random_numbers({20}, 14);
  double norm = at::linalg_vector_norm(gradient).item<double>();
  Steps clipped(start), by_hand(start), loose(start), off(start);
  clipped.take(1, gradient, 0.1, 0, norm / 4, 0.1);
  by_hand.take(1, gradient / 4, 0.1, 0, 0, 0.1);
  CHECK(largest(clipped.w - by_hand.w) < 1e-6);
  loose.take(1, gradient, 0.1, 0, norm * 2, 0.1);
  off.take(1, gradient, 0.1, 0, 0, 0.1);
  CHECK(at::equal(loose.w, off.w));
  CHECK(largest(loose.w - clipped.w) > 1e-3);
}

// A second implementation in double precision, over enough steps for a wrong bias correction to
// show.
TEST_CASE("three hundred AdamW steps follow the definition in double precision") {
  at::Tensor start = random_numbers({25}, 15);
  Steps s(start);
  at::Tensor w = start.to(at::kDouble), m = at::zeros_like(w), v = at::zeros_like(w);
  for (int64_t step = 1; step <= 300; ++step) {
    at::Tensor g = random_numbers({25}, 100 + static_cast<uint64_t>(step), 0.3) + 0.1 * s.w;
    double rate = 0.02 / std::sqrt(static_cast<double>(step));
    s.take(step, g, rate, 0.1, 1.0);
    at::Tensor d = g.to(at::kDouble);
    d = d * std::min(1.0, 1.0 / at::linalg_vector_norm(d).item<double>());
    m = 0.9 * m + 0.1 * d;
    v = 0.95 * v + 0.05 * d * d;
    at::Tensor m_hat = m / (1 - std::pow(0.9, static_cast<double>(step))),
               v_hat = v / (1 - std::pow(0.95, static_cast<double>(step)));
    w = w * (1 - rate * 0.1) - rate * m_hat / (v_hat.sqrt() + 1e-8);
  }
  CHECK(largest(s.w.to(at::kDouble) - w) < 2e-5);
}

TEST_CASE("a product writes its block of a wider matrix and nothing beside it") {
  for (int64_t rows : {1, 5, 7}) {
    for (int64_t columns : {1, 8, 13}) {
      at::Tensor a = random_numbers({rows, 6}, 16), b = random_numbers({6, columns}, 17),
                 wide = at::full({rows, 20}, 7.0f);
      matrix_product({rows, columns, 6, floats_of(a), 6, 1, floats_of(b), columns, 1,
                      floats_of(wide) + 2, 20, false});
      CHECK(largest(wide.narrow(1, 2, columns) - at::mm(a, b)) < 1e-5);
      CHECK(at::equal(wide.narrow(1, 0, 2), at::full({rows, 2}, 7.0f)));
      CHECK(at::equal(wide.narrow(1, 2 + columns, 18 - columns),
                      at::full({rows, 18 - columns}, 7.0f)));
    }
  }
}

TEST_CASE("a product over nothing is zero, or adds nothing") {
  at::Tensor a = at::empty({4, 0}), b = at::empty({0, 5}), c = at::full({4, 5}, 3.0f);
  matrix_product({4, 5, 0, floats_of(a), 0, 1, floats_of(b), 5, 1, floats_of(c), 5, true});
  CHECK(at::equal(c, at::full({4, 5}, 3.0f)));
  matrix_product({4, 5, 0, floats_of(a), 0, 1, floats_of(b), 5, 1, floats_of(c), 5, false});
  CHECK(at::equal(c, at::zeros({4, 5})));
}

}  // namespace crosslaw::trainer
