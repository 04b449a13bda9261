#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {

ParameterCount count_parameters(const ModelShape& s) {
  ParameterCount count;
  count.embedding = s.vocabulary * s.hidden;
  count.unembedding = s.tied_head ? 0 : s.vocabulary * s.hidden;
  // A layer: q, k, v and output, d x d each; gate, up and down, d x ffn each.
  count.blocks = s.layers * (4 * s.hidden * s.hidden + 3 * s.hidden * s.ffn);
  count.norms = (2 * s.layers + 1) * s.hidden;
  return count;
}

double training_flops_per_token(const ModelShape& s, int64_t context_tokens) {
  double matrix_weights = static_cast<double>(count_parameters(s).blocks) +
                          static_cast<double>(s.vocabulary) * static_cast<double>(s.hidden);
  // Scores and weighted values are 2 products of 2 d T FLOPs forward, and twice that backward.
  double attention = 12.0 * static_cast<double>(s.layers) * static_cast<double>(s.hidden) *
                     static_cast<double>(context_tokens);
  return 6.0 * matrix_weights + attention;
}

double training_bytes(const ModelShape& s, int64_t context_tokens, int64_t micro_batch_sequences,
                      bool gpu) {
  double parameters = static_cast<double>(count_parameters(s).total());
  double tokens = static_cast<double>(context_tokens) * static_cast<double>(micro_batch_sequences);
  // bf16 or fp32.
  double element = gpu ? 2.0 : 4.0;
  // Each layer keeps both residual sums, both norm outputs, q, k, v, the attention output, both
  // feed-forward branches and their product.
  double kept_per_token =
      static_cast<double>(s.layers) * static_cast<double>(8 * s.hidden + 3 * s.ffn);
  double states = gpu ? 18.0 : 16.0;  // weight, gradient, master copy (gpu), two moments
  return states * parameters + element * tokens * kept_per_token;
}

double checkpoint_bytes(const ModelShape& s, bool resumable) {
  return (resumable ? 12.0 : 4.0) * static_cast<double>(count_parameters(s).total());
}

}  // namespace crosslaw::trainer
