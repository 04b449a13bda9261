#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/support/catch.h"
#include "trainer/model/kernels/kernels.h"

namespace crosslaw::trainer {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed, double scale = 1.0) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::kFloat) * scale;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// One attention problem, by the kernel.
struct Attention {
  int64_t sequences, context, heads, size;
  at::Tensor qkv, attended, log_sum_exp, d_qkv;

  Attention(int64_t s, int64_t t, int64_t h, int64_t d, at::Tensor input)
      : sequences(s), context(t), heads(h), size(d), qkv(std::move(input)) {
    attended = at::full({s * t, h * d}, NAN);
    log_sum_exp = at::full({s, h, t}, NAN);
    d_qkv = at::full({s * t, 3 * h * d}, NAN);
    causal_attention_forward(problem({}));
  }
  void backward(const at::Tensor& d_attended) { causal_attention_backward(problem(d_attended)); }
  CausalAttention problem(const at::Tensor& d_attended) const {
    return {sequences,
            context,
            heads,
            size,
            qkv.data_ptr<float>(),
            attended.data_ptr<float>(),
            log_sum_exp.data_ptr<float>(),
            d_attended.defined() ? d_attended.data_ptr<float>() : nullptr,
            d_qkv.data_ptr<float>()};
  }
};

// The same in double precision, as the formula reads. Returns the output and the scores' log sum
// exp.
std::pair<at::Tensor, at::Tensor> plain(const Attention& a, const at::Tensor& qkv) {
  at::Tensor parts =
      qkv.view({a.sequences, a.context, 3, a.heads, a.size}).permute({2, 0, 3, 1, 4});
  at::Tensor scores =
      at::matmul(parts[0], parts[1].transpose(2, 3)) / std::sqrt(static_cast<double>(a.size));
  at::Tensor future = at::ones({a.context, a.context}, at::kBool).triu(1);
  scores = scores.masked_fill(future, -INFINITY);
  at::Tensor out = at::matmul(scores.softmax(-1), parts[2]).transpose(1, 2);
  return {out.reshape({a.sequences * a.context, a.heads * a.size}), scores.logsumexp(-1)};
}

}  // namespace

// Blocks are of 32 queries: contexts on both sides of their ends.
TEST_CASE("attention equals the formula and autograd in odd shapes") {
  for (int64_t context : {1, 2, 31, 32, 33, 64, 65, 97}) {
    for (int64_t heads : {1, 3}) {
      for (int64_t size : {2, 6, 34}) {
        for (int64_t sequences : {1, 2}) {
          INFO(context << " tokens, " << heads << " heads of " << size);
          Attention a(sequences, context, heads, size,
                      random({sequences * context, 3 * heads * size}, 1));
          at::Tensor leaf = a.qkv.to(at::kDouble).requires_grad_();
          auto [out, log_sum_exp] = plain(a, leaf);
          REQUIRE(largest_difference(a.attended, out.detach()) < 3e-6);
          REQUIRE(largest_difference(a.log_sum_exp, log_sum_exp.detach()) < 3e-6);
          at::Tensor d_out = random({sequences * context, heads * size}, 2);
          a.backward(d_out);
          auto gradient = torch::autograd::grad({out}, {leaf}, {d_out.to(at::kDouble)})[0];
          REQUIRE(largest_difference(a.d_qkv, gradient) < 2e-5);
        }
      }
    }
  }
}

TEST_CASE("scores far apart give hard attention without overflow") {
  for (double scale : {10.0, 100.0}) {
    Attention a(1, 40, 2, 8, random({40, 48}, 3, scale));
    at::Tensor leaf = a.qkv.to(at::kDouble).requires_grad_();
    auto [out, log_sum_exp] = plain(a, leaf);
    CHECK(largest_difference(a.attended, out.detach()) < 3e-4 * scale);
    CHECK(at::isfinite(a.log_sum_exp).all().item<bool>());
    at::Tensor d_out = random({40, 16}, 4);
    a.backward(d_out);
    auto gradient = torch::autograd::grad({out}, {leaf}, {d_out.to(at::kDouble)})[0];
    // A score of 10^4 is off by 10^-3 in fp32, and its weight by as much of itself.
    CHECK(largest_difference(a.d_qkv, gradient) < 5e-3 * gradient.abs().max().item<double>());
  }
}

TEST_CASE("equal keys make each token attend evenly to all before it") {
  int64_t context = 50, size = 4;
  at::Tensor qkv = at::zeros({context, 3 * size});
  qkv.narrow(1, 2 * size, size).copy_(random({context, size}, 5));
  Attention a(1, context, 1, size, qkv);
  at::Tensor values = qkv.narrow(1, 2 * size, size).to(at::kDouble);
  at::Tensor counts = at::arange(1, context + 1, at::kDouble).unsqueeze(1);
  CHECK(largest_difference(a.attended, values.cumsum(0) / counts) < 1e-6);
  CHECK(largest_difference(a.log_sum_exp.view({context}), counts.squeeze(1).log()) < 1e-6);
}

TEST_CASE("no token sees a later one, to the last bit") {
  int64_t context = 70, heads = 2, size = 6;
  at::Tensor qkv = random({context, 3 * heads * size}, 6),
             d_out = random({context, heads * size}, 7);
  Attention whole(1, context, heads, size, qkv.clone());
  for (int64_t cut : {1, 32, 33, 69}) {
    at::Tensor changed = qkv.clone();
    changed.narrow(0, cut, context - cut).fill_(9.0);
    Attention part(1, context, heads, size, changed);
    CHECK(at::equal(part.attended.narrow(0, 0, cut), whole.attended.narrow(0, 0, cut)));
    // And no gradient of an earlier output flows to a later token.
    at::Tensor early = d_out.clone();
    early.narrow(0, cut, context - cut).zero_();
    whole.backward(early);
    CHECK(whole.d_qkv.narrow(0, cut, context - cut).abs().max().item<float>() == 0);
  }
}

TEST_CASE("sequences and heads do not mix") {
  int64_t context = 20, heads = 3, size = 4, width = heads * size;
  at::Tensor qkv = random({2 * context, 3 * width}, 8);
  Attention both(2, context, heads, size, qkv);
  for (int64_t sequence : {0, 1}) {
    at::Tensor rows = qkv.narrow(0, sequence * context, context).contiguous();
    Attention alone(1, context, heads, size, rows);
    CHECK(at::equal(alone.attended, both.attended.narrow(0, sequence * context, context)));
    for (int64_t head = 0; head < heads; ++head) {
      at::Tensor own =
          rows.view({context, 3, heads, size}).select(2, head).reshape({context, 3 * size});
      Attention single(1, context, 1, size, own.contiguous());
      CHECK(at::equal(single.attended, alone.attended.narrow(1, head * size, size)));
    }
  }
}

}  // namespace crosslaw::trainer
