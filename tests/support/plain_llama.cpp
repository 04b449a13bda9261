#include "tests/support/plain_llama.h"

namespace crosslaw::tests {
namespace {

at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon) * weight;
}

// x: (sequences, heads, context, head_size)
at::Tensor rotate(const at::Tensor& x, double theta) {
  int64_t context = x.size(2), size = x.size(3), half = size / 2;
  at::Tensor frequencies =
      at::pow(at::full({half}, theta, at::kDouble),
              -at::arange(half, at::kDouble) * 2.0 / static_cast<double>(size));
  at::Tensor angles = at::outer(at::arange(context, at::kDouble), frequencies).to(x.dtype());
  at::Tensor first = x.narrow(3, 0, half), second = x.narrow(3, half, half);
  return at::cat(
      {first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()},
      3);
}

}  // namespace

at::Tensor plain_llama_loss(const trainer::ModelShape& shape,
                            const std::map<std::string, at::Tensor>& weights,
                            const at::Tensor& tokens) {
  int64_t sequences = tokens.size(0), context = tokens.size(1) - 1;
  int64_t queries = shape.query_width(), keys = shape.key_width();
  auto w = [&](const std::string& name) { return weights.at(name); };
  at::Tensor x = at::embedding(w("embedding"), tokens.narrow(1, 0, context));
  auto heads = [&](const at::Tensor& rows) {
    return rows.view({sequences, context, -1, shape.head_size()}).transpose(1, 2);
  };
  // Each head of keys and values is written out once for each query head that shares it.
  auto shared = [&](const at::Tensor& rows) {
    return heads(rows).repeat_interleave(shape.heads / shape.key_heads(), 1);
  };
  at::Tensor future = at::ones({context, context}, at::kBool).triu(1);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    std::string prefix = "layers." + std::to_string(layer) + ".";
    at::Tensor qkv =
        at::linear(norm(x, w(prefix + "attention_norm"), shape.norm_epsilon), w(prefix + "qkv"));
    at::Tensor q = rotate(heads(qkv.narrow(2, 0, queries)), shape.rope_theta),
               k = rotate(shared(qkv.narrow(2, queries, keys)), shape.rope_theta);
    at::Tensor scores =
        at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(shape.head_size()));
    at::Tensor attended = at::matmul(scores.masked_fill(future, -INFINITY).softmax(-1),
                                     shared(qkv.narrow(2, queries + keys, keys)));
    x = x + at::linear(attended.transpose(1, 2).reshape({sequences, context, queries}),
                       w(prefix + "attention_out"));
    at::Tensor gate_up =
        at::linear(norm(x, w(prefix + "ffn_norm"), shape.norm_epsilon), w(prefix + "gate_up"));
    at::Tensor gated =
        at::silu(gate_up.narrow(2, 0, shape.ffn)) * gate_up.narrow(2, shape.ffn, shape.ffn);
    x = x + at::linear(gated, w(prefix + "down"));
  }
  at::Tensor head = shape.tied_head ? w("embedding") : w("unembedding");
  at::Tensor logits = at::linear(norm(x, w("final_norm"), shape.norm_epsilon), head);
  return at::cross_entropy_loss(logits.reshape({-1, shape.vocabulary}),
                                tokens.narrow(1, 1, context).reshape({-1}));
}

}  // namespace crosslaw::tests
