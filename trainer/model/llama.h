#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "trainer/model/kernels/kernels.h"
#include "trainer/model/parameters.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// A LLaMA-2 decoder with its backward pass written out: no autograd but inside attention on the
// GPU, activations in buffers made once, gradients added to Parameters::gradients.
//
// One block:   x -+-> norm -> q,k,v -> rotary -> attention -> out --+--> norm -> gate,up -> silu*up
// -> down --+-> x
//                 +-------------------------------------------------+-----------------------------------------+
class Llama {
 public:
  // Which twin of each kernel runs, and with it which way through attention and the products. The
  // GPU's way works on CPU tensors, too, where a test has brought kernels that run there.
  enum class Path { kCpu, kGpu };

  Llama(const ModelShape& shape, int64_t context_tokens, int64_t max_sequences, at::ScalarType type,
        at::Device device, Path path);
  // On weights that are there already: the tensors are shared, the activations are its own.
  Llama(const Parameters& existing, const ModelShape& shape, int64_t context_tokens,
        int64_t max_sequences, Path path);
  // The path of the device.
  Llama(const ModelShape& shape, int64_t context_tokens, int64_t max_sequences, at::ScalarType type,
        at::Device device)
      : Llama(shape, context_tokens, max_sequences, type, device,
              device.is_cuda() ? Path::kGpu : Path::kCpu) {}

  // Adds the gradient of (sum of token losses * loss_scale) and returns the sum of token losses in
  // nats, a fp64 scalar on the device. tokens: (sequences, context + 1) int64 on the device.
  // `layer_done` (may be empty) is told each layer whose matrices' gradients are queued, from the
  // last to the first; an untied head's are, by then.
  at::Tensor accumulate_gradients(const at::Tensor& tokens, double loss_scale,
                                  const std::function<void(int64_t layer)>& layer_done = {});

  // The sum of token losses alone.
  at::Tensor loss_sum(const at::Tensor& tokens);

  // Where the kernels run, AdamW included.
  KernelTarget target() const;

  // (sequences * context, vocabulary): what the next token is predicted from at each of the
  // (sequences, context) int64 inputs. For comparisons; training never holds them whole.
  at::Tensor logits(const at::Tensor& inputs);

  Parameters parameters;

 private:
  // What the backward pass needs of one layer; (rows, ...) with rows = sequences * context.
  struct Layer {
    at::Tensor attention_norm, qkv_weight, out_weight, ffn_norm, gate_up_weight, down_weight;
    at::Tensor d_attention_norm, d_qkv_weight, d_out_weight, d_ffn_norm, d_gate_up_weight,
        d_down_weight;
    at::Tensor input, input_normed, input_rstd;     // (rows, hidden), (rows)
    at::Tensor qkv, attended;                       // (rows, qkv width), (rows, query width);
                                                    // the latter on the GPU from pass to pass
    at::Tensor middle, middle_normed, middle_rstd;  // after attention: (rows, hidden), (rows)
    at::Tensor gate_up, gated;                      // (rows, 2 ffn), (rows, ffn)
    at::Tensor log_sum_exp;                         // CPU: (sequences, heads, context)
    std::vector<at::Tensor> attention_saved;        // GPU: q, k, v and the output, for autograd
  };

  void forward(const at::Tensor& inputs, int64_t sequences, bool keep);
  void backward(const at::Tensor& inputs, int64_t sequences,
                const std::function<void(int64_t)>& layer_done);
  at::Tensor head_loss(const at::Tensor& targets, int64_t rows, float d_scale);
  // The output, (rows, query width), which stays the layer's where it is kept.
  at::Tensor attention_forward(Layer& layer, int64_t sequences, bool keep);
  // The gradient of q, k and v before their rotation.
  void attention_backward(Layer& layer, const at::Tensor& d_attended, const at::Tensor& d_qkv,
                          int64_t sequences);
  at::Tensor attention_forward_gpu(Layer& layer, int64_t sequences, bool keep);
  void attention_backward_gpu(Layer& layer, const at::Tensor& d_attended, const at::Tensor& d_qkv,
                              int64_t sequences);
  void norm_forward(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight,
                    const at::Tensor& sum, const at::Tensor& y, const at::Tensor& rstd);
  void norm_backward(const at::Tensor& d_y, const at::Tensor& sum, const at::Tensor& weight,
                     const at::Tensor& rstd, const at::Tensor& d_weight, bool accumulate,
                     const at::Tensor& d_sum);
  Rotary rotation_of(const at::Tensor& qkv, bool inverse) const;
  void product(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
               bool accumulate) const;
  void add_weight_gradient(const at::Tensor& d_weight, const at::Tensor& d_output,
                           const at::Tensor& input);
  void add_embedding_gradient(const at::Tensor& inputs, const at::Tensor& d_rows);

  ModelShape shape_;
  bool gpu_;  // the path
  int64_t context_;
  int64_t max_sequences_;
  std::vector<Layer> layers_;
  at::Tensor embedding_, d_embedding_, unembedding_, d_unembedding_, final_norm_, d_final_norm_;
  at::Tensor residual_, final_normed_, final_rstd_;  // (rows, hidden), (rows, hidden), (rows)
  at::Tensor delta_;  // (rows, hidden): what a branch adds to the stream
  at::Tensor d_residual_, d_normed_, d_attended_, d_qkv_, d_gate_up_, d_gated_;
  at::Tensor logits_, losses_;  // (head rows, vocabulary), (rows)
  at::Tensor cosines_, sines_;  // (context, head_size / 2)
  at::Tensor norm_scratch_;
};

}  // namespace crosslaw::trainer
