#include "trainer/model/llama.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <tuple>

#include "trainer/model/gpu_device.h"
#include "trainer/recipe/memory_model.h"

namespace crosslaw::trainer {
namespace {

// The planner counts with the kernels' buffers.
static_assert(norm_scratch_rows(true) == kRmsNormScratchRows &&
              norm_scratch_rows(false) == kRmsNormScratchRowsCpu);

at::Tensor first_rows(const at::Tensor& buffer, int64_t rows) { return buffer.narrow(0, 0, rows); }

// (sequences, heads, context, head_size) view of the queries (0), keys (1) or values (2) in packed
// rows.
at::Tensor head_view(const at::Tensor& qkv, int64_t which, int64_t sequences,
                     const ModelShape& shape) {
  int64_t context = qkv.size(0) / sequences, keys = shape.key_heads();
  int64_t first = which == 0 ? 0 : shape.heads + (which - 1) * keys;
  return qkv.view({sequences, context, shape.heads + 2 * keys, shape.head_size()})
      .narrow(2, first, which == 0 ? shape.heads : keys)
      .transpose(1, 2);
}

at::Tensor merge_heads(const at::Tensor& heads) {
  at::Tensor rows = heads.transpose(1, 2);
  return rows.reshape({rows.size(0) * rows.size(1), rows.size(2) * rows.size(3)});
}

// Angles position * theta^(-2 i / head_size) (RoFormer, arXiv:2104.09864, equation 15), in double:
// at position 10^4 a float's angle would be off by 10^-3.
std::pair<at::Tensor, at::Tensor> rotary_tables(const ModelShape& shape, int64_t context) {
  int64_t half = shape.head_size() / 2;
  at::Tensor exponents =
      at::arange(half, at::kDouble) * (2.0 / static_cast<double>(shape.head_size()));
  at::Tensor frequencies = at::pow(at::full({half}, shape.rope_theta, at::kDouble), -exponents);
  at::Tensor angles = at::outer(at::arange(context, at::kDouble), frequencies);
  return {angles.cos().to(at::kFloat).contiguous(), angles.sin().to(at::kFloat).contiguous()};
}

}  // namespace

Llama::Llama(const ModelShape& shape, int64_t context_tokens, int64_t max_sequences,
             at::ScalarType type, at::Device device, Path path)
    : Llama(Parameters(shape, type, device), shape, context_tokens, max_sequences, path) {}

Llama::Llama(const Parameters& existing, const ModelShape& shape, int64_t context_tokens,
             int64_t max_sequences, Path path)
    : parameters(existing),
      shape_(shape),
      gpu_(path == Path::kGpu),
      context_(context_tokens),
      max_sequences_(max_sequences) {
  int64_t rows = context_ * max_sequences_, d = shape.hidden, f = shape.ffn;
  const at::ScalarType type = parameters.weights.scalar_type();
  const at::Device device = parameters.weights.device();
  auto data = at::TensorOptions().dtype(type).device(device);
  auto buffer = [&](int64_t columns) { return at::empty({rows, columns}, data); };
  auto rstd = [&]() { return at::empty({rows}, data.dtype(at::kFloat)); };
  // All activations have their buffers made here, once, for the largest micro-batch.
  // Every layer keeps what its backward pass reads; what only flows through is shared by all
  // layers.
  layers_.resize(static_cast<size_t>(shape.layers));
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& l = layers_[i];
    std::string prefix = "layers." + std::to_string(i) + ".";
    auto bind = [&](const char* name, at::Tensor& weight, at::Tensor& gradient) {
      weight = parameters.weight(prefix + name);
      gradient = parameters.gradient(prefix + name);
    };
    bind("attention_norm", l.attention_norm, l.d_attention_norm);
    bind("qkv", l.qkv_weight, l.d_qkv_weight);
    bind("attention_out", l.out_weight, l.d_out_weight);
    bind("ffn_norm", l.ffn_norm, l.d_ffn_norm);
    bind("gate_up", l.gate_up_weight, l.d_gate_up_weight);
    bind("down", l.down_weight, l.d_down_weight);
    l.input = buffer(d), l.input_normed = buffer(d), l.input_rstd = rstd();
    l.qkv = buffer(shape.qkv_width());
    l.middle = buffer(d), l.middle_normed = buffer(d), l.middle_rstd = rstd();
    if (!gpu_) {  // there attention makes its own
      l.attended = buffer(shape.query_width());
      l.log_sum_exp = at::empty({max_sequences_, shape.heads, context_}, at::kFloat);
    }
    l.gate_up = buffer(2 * f), l.gated = buffer(f);
  }
  embedding_ = parameters.weight("embedding"), d_embedding_ = parameters.gradient("embedding");
  // A tied head adds both of its gradients, of the look-up and of the logits, into one buffer.
  const char* head = shape.tied_head ? "embedding" : "unembedding";
  unembedding_ = parameters.weight(head), d_unembedding_ = parameters.gradient(head);
  final_norm_ = parameters.weight("final_norm"), d_final_norm_ = parameters.gradient("final_norm");
  residual_ = buffer(d), final_normed_ = buffer(d), final_rstd_ = rstd(), delta_ = buffer(d);
  d_residual_ = buffer(d), d_normed_ = buffer(d), d_qkv_ = buffer(shape.qkv_width()),
  d_gate_up_ = buffer(2 * f), d_gated_ = buffer(f);
  // delta_ is free in the backward pass and serves where the widths agree.
  d_attended_ = shape.query_width() == d ? delta_ : buffer(shape.query_width());
  logits_ = at::empty({head_rows(shape, rows, gpu_), shape.vocabulary}, data),
  losses_ = at::empty({rows}, data.dtype(at::kFloat));
  auto [cosines, sines] = rotary_tables(shape, context_);
  cosines_ = cosines.to(device), sines_ = sines.to(device);
  norm_scratch_ =
      at::empty({gpu_ ? kRmsNormScratchRows : kRmsNormScratchRowsCpu, d}, data.dtype(at::kFloat));
}

KernelTarget Llama::target() const {
  Precision precision =
      embedding_.scalar_type() == at::kBFloat16 ? Precision::kBfloat16 : Precision::kFloat32;
  return {gpu_, precision, embedding_.is_cuda() ? gpu_stream() : nullptr};
}

// c (+)= a b.
void Llama::product(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
                    bool accumulate) const {
  if (!gpu_) {
    // Strides instead of a copy: a or b may be a transposed view.
    matrix_product({a.size(0), b.size(1), a.size(1), a.data_ptr<float>(), a.stride(0), a.stride(1),
                    b.data_ptr<float>(), b.stride(0), b.stride(1), c.data_ptr<float>(), c.stride(0),
                    accumulate});
    return;
  }
  at::Tensor target = c;
  if (accumulate) {
    at::addmm_out(target, c, a, b);
  } else {
    at::mm_out(target, a, b);
  }
}

void Llama::norm_forward(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight,
                         const at::Tensor& sum, const at::Tensor& y, const at::Tensor& rstd) {
  rms_norm_forward(target(),
                   {x.size(0), x.size(1), shape_.norm_epsilon, x.const_data_ptr(),
                    delta.defined() ? delta.const_data_ptr() : nullptr, weight.const_data_ptr(),
                    sum.mutable_data_ptr(), y.mutable_data_ptr(), rstd.data_ptr<float>()});
}

void Llama::norm_backward(const at::Tensor& d_y, const at::Tensor& sum, const at::Tensor& weight,
                          const at::Tensor& rstd, const at::Tensor& d_weight, bool accumulate,
                          const at::Tensor& d_sum) {
  rms_norm_backward(
      target(), {d_y.size(0), d_y.size(1), accumulate, d_y.const_data_ptr(), sum.const_data_ptr(),
                 weight.const_data_ptr(), rstd.data_ptr<float>(), d_sum.mutable_data_ptr(),
                 d_weight.data_ptr<float>(), norm_scratch_.data_ptr<float>()});
}

Rotary Llama::rotation_of(const at::Tensor& qkv, bool inverse) const {
  return {qkv.size(0),
          context_,
          shape_.heads,
          shape_.head_size(),
          inverse,
          cosines_.data_ptr<float>(),
          sines_.data_ptr<float>(),
          qkv.mutable_data_ptr(),
          shape_.key_heads()};
}

at::Tensor Llama::attention_forward(Layer& layer, int64_t sequences, bool keep) {
  if (gpu_) return attention_forward_gpu(layer, sequences, keep);
  causal_attention_forward({sequences, context_, shape_.heads, shape_.head_size(),
                            layer.qkv.data_ptr<float>(), layer.attended.data_ptr<float>(),
                            layer.log_sum_exp.data_ptr<float>(), nullptr, nullptr,
                            shape_.key_heads()});
  return first_rows(layer.attended, sequences * context_);
}

void Llama::attention_backward(Layer& layer, const at::Tensor& d_attended, const at::Tensor& d_qkv,
                               int64_t sequences) {
  if (gpu_) return attention_backward_gpu(layer, d_attended, d_qkv, sequences);
  causal_attention_backward({sequences, context_, shape_.heads, shape_.head_size(),
                             layer.qkv.data_ptr<float>(), layer.attended.data_ptr<float>(),
                             layer.log_sum_exp.data_ptr<float>(), d_attended.data_ptr<float>(),
                             d_qkv.data_ptr<float>(), shape_.key_heads()});
  rotary(target(), rotation_of(d_qkv, true));
}

// ATen picks the best attention for the GPU. Its backward passes differ in what they save, so that
// this one operation is differentiated by autograd, cut off from the rest by detached leaves.
at::Tensor Llama::attention_forward_gpu(Layer& layer, int64_t sequences, bool keep) {
  at::Tensor qkv = first_rows(layer.qkv, sequences * context_);
  // Validation keeps nothing, so that attention picks its cheaper forward-only form.
  c10::AutoGradMode with_gradient(keep);
  auto& saved = layer.attention_saved;
  saved.clear();
  for (int64_t which : {0, 1, 2})
    saved.push_back(head_view(qkv, which, sequences, shape_).detach().requires_grad_(keep));
  saved.push_back(at::scaled_dot_product_attention(saved[0], saved[1], saved[2], {}, 0.0, true,
                                                   std::nullopt,
                                                   shape_.key_heads() != shape_.heads));
  // A view: attention writes its output in the order of its input.
  at::Tensor attended = merge_heads(saved[3].detach());
  if (!keep) saved.clear();
  layer.attended = keep ? attended : at::Tensor();
  return attended;
}

void Llama::attention_backward_gpu(Layer& layer, const at::Tensor& d_attended,
                                   const at::Tensor& d_qkv, int64_t sequences) {
  auto& saved = layer.attention_saved;
  at::Tensor d_heads =
      d_attended.view({sequences, context_, shape_.heads, shape_.head_size()}).transpose(1, 2);
  auto gradients = torch::autograd::grad({saved[3]}, {saved[0], saved[1], saved[2]}, {d_heads});
  saved.clear();
  layer.attended = at::Tensor();
  for (at::Tensor& gradient : gradients) gradient = merge_heads(gradient).contiguous();
  Rotary rotation = rotation_of(d_qkv, true);
  rotation.q = gradients[0].const_data_ptr();
  rotation.k = gradients[1].const_data_ptr();
  rotation.v = gradients[2].const_data_ptr();
  rotary(target(), rotation);
}

void Llama::forward(const at::Tensor& inputs, int64_t sequences, bool keep) {
  int64_t rows = sequences * context_;
  auto part = [&](const at::Tensor& buffer) { return first_rows(buffer, rows); };
  // The residual stream is never written out as x + delta: each branch leaves its delta, and the
  // next norm adds it while it reads (kernels.h).
  at::Tensor stream = part(layers_.front().input), delta;
  at::index_select_out(stream, embedding_, 0, inputs);
  for (Layer& l : layers_) {
    at::Tensor input = part(l.input), normed = part(l.input_normed), qkv = part(l.qkv);
    norm_forward(stream, delta, l.attention_norm, input, normed, part(l.input_rstd));
    product(qkv, normed, l.qkv_weight.t(), false);
    rotary(target(), rotation_of(qkv, false));
    at::Tensor attended = attention_forward(l, sequences, keep);
    delta = part(delta_);
    product(delta, attended, l.out_weight.t(), false);
    // After attention the stream is `middle`, which the backward pass of the second norm needs
    // whole.
    at::Tensor middle = part(l.middle), middle_normed = part(l.middle_normed);
    norm_forward(input, delta, l.ffn_norm, middle, middle_normed, part(l.middle_rstd));
    at::Tensor gate_up = part(l.gate_up), gated = part(l.gated);
    product(gate_up, middle_normed, l.gate_up_weight.t(), false);
    swiglu_forward(target(), {rows, shape_.ffn, gate_up.const_data_ptr(), gated.mutable_data_ptr(),
                              nullptr, nullptr});
    product(delta, gated, l.down_weight.t(), false);
    stream = middle;
  }
  norm_forward(stream, delta, final_norm_, part(residual_), part(final_normed_), part(final_rstd_));
}

at::Tensor Llama::head_loss(const at::Tensor& targets, int64_t rows, float d_scale) {
  for (int64_t from = 0; from < rows; from += logits_.size(0)) {
    int64_t count = std::min(logits_.size(0), rows - from);
    at::Tensor normed = final_normed_.narrow(0, from, count), logits = first_rows(logits_, count);
    product(logits, normed, unembedding_.t(), false);
    cross_entropy(target(), {count, shape_.vocabulary, d_scale, logits.mutable_data_ptr(),
                             targets.data_ptr<int64_t>() + from, losses_.data_ptr<float>() + from});
    if (d_scale == 0) continue;
    at::Tensor d_normed = d_normed_.narrow(0, from, count);
    // cross_entropy() has turned the logits into their gradient, so that both products of the
    // backward pass are made while the block is in the cache.
    product(d_normed, logits, unembedding_, false);
    add_weight_gradient(d_unembedding_, logits, normed);
  }
  // Summed in double: thousands of fp32 losses of about the same size lose digits in fp32.
  return first_rows(losses_, rows).sum(at::kDouble);
}

// In fp32 also of bf16 data: added to the bucket where the product is made, and rounded nowhere.
void Llama::add_weight_gradient(const at::Tensor& d_weight, const at::Tensor& d_output,
                                const at::Tensor& input) {
  if (input.scalar_type() == at::kFloat) return product(d_weight, d_output.t(), input, true);
  at::Tensor target = d_weight;
  if (input.is_cuda()) {
    at::addmm_out(target, d_weight, d_output.t(), input, at::kFloat);
  } else {  // LibTorch has this product on GPUs alone
    at::addmm_out(target, d_weight, d_output.t().to(at::kFloat), input.to(at::kFloat));
  }
}

// The GPU adds up the rows of a token in one place, in fp32 and in the order of the batch; CPU
// threads share the columns.
void Llama::add_embedding_gradient(const at::Tensor& inputs, const at::Tensor& d_rows) {
  at::Tensor tokens = inputs, order;
  if (gpu_) std::tie(tokens, order) = at::sort(inputs, /*stable=*/true, 0, false);
  embedding_backward(
      target(),
      {inputs.numel(), shape_.hidden, d_rows.const_data_ptr(), tokens.data_ptr<int64_t>(),
       order.defined() ? order.data_ptr<int64_t>() : nullptr, d_embedding_.data_ptr<float>()});
}

void Llama::backward(const at::Tensor& inputs, int64_t sequences,
                     const std::function<void(int64_t)>& layer_done) {
  int64_t rows = sequences * context_;
  auto part = [&](const at::Tensor& buffer) { return first_rows(buffer, rows); };
  // One gradient of the stream runs backwards through all layers. At each norm the branch's
  // gradient is added to it in place (accumulate), for x reaches the output both through the branch
  // and past it.
  at::Tensor d_stream = part(d_residual_), d_normed = part(d_normed_),
             d_attended = part(d_attended_);
  at::Tensor d_qkv = part(d_qkv_), d_gate_up = part(d_gate_up_), d_gated = part(d_gated_);
  norm_backward(d_normed, part(residual_), final_norm_, part(final_rstd_), d_final_norm_, false,
                d_stream);
  for (auto it = layers_.rbegin(); it != layers_.rend(); ++it) {
    Layer& l = *it;
    at::Tensor gate_up = part(l.gate_up), middle_normed = part(l.middle_normed),
               normed = part(l.input_normed);
    // The feed-forward branch, last operation first.
    product(d_gated, d_stream, l.down_weight, false);
    add_weight_gradient(l.d_down_weight, d_stream, part(l.gated));
    swiglu_backward(target(), {rows, shape_.ffn, gate_up.const_data_ptr(), nullptr,
                               d_gated.const_data_ptr(), d_gate_up.mutable_data_ptr()});
    product(d_normed, d_gate_up, l.gate_up_weight, false);
    add_weight_gradient(l.d_gate_up_weight, d_gate_up, middle_normed);
    norm_backward(d_normed, part(l.middle), l.ffn_norm, part(l.middle_rstd), l.d_ffn_norm, true,
                  d_stream);

    // The attention branch.
    product(d_attended, d_stream, l.out_weight, false);
    add_weight_gradient(l.d_out_weight, d_stream, part(l.attended));
    attention_backward(l, d_attended, d_qkv, sequences);
    product(d_normed, d_qkv, l.qkv_weight, false);
    add_weight_gradient(l.d_qkv_weight, d_qkv, normed);
    norm_backward(d_normed, part(l.input), l.attention_norm, part(l.input_rstd), l.d_attention_norm,
                  true, d_stream);
    if (layer_done) layer_done(layers_.rend() - it - 1);
  }
  add_embedding_gradient(inputs, d_stream);
}

at::Tensor Llama::accumulate_gradients(const at::Tensor& tokens, double loss_scale,
                                       const std::function<void(int64_t)>& layer_done) {
  c10::NoGradGuard no_gradient;
  int64_t sequences = tokens.size(0);
  at::Tensor inputs = tokens.narrow(1, 0, context_).reshape({-1});
  // (sequences, context + 1) tokens: each position predicts the next one.
  at::Tensor targets = tokens.narrow(1, 1, context_).reshape({-1});
  forward(inputs, sequences, true);
  at::Tensor loss = head_loss(targets, sequences * context_, static_cast<float>(loss_scale));
  backward(inputs, sequences, layer_done);
  return loss;
}

at::Tensor Llama::loss_sum(const at::Tensor& tokens) {
  c10::NoGradGuard no_gradient;
  int64_t sequences = tokens.size(0);
  forward(tokens.narrow(1, 0, context_).reshape({-1}), sequences, false);
  return head_loss(tokens.narrow(1, 1, context_).reshape({-1}), sequences * context_, 0.0f);
}

at::Tensor Llama::logits(const at::Tensor& inputs) {
  c10::NoGradGuard no_gradient;
  forward(inputs.reshape({-1}), inputs.size(0), false);
  return at::mm(first_rows(final_normed_, inputs.numel()), unembedding_.t());
}

}  // namespace crosslaw::trainer
