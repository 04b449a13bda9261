#include "trainer/recipe/model_cost.h"

namespace crosslaw::trainer {

ParameterCount count_parameters(const ModelShape& s) {
  ParameterCount count;
  count.embedding = s.vocabulary * s.hidden;
  count.unembedding = s.tied_head ? 0 : s.vocabulary * s.hidden;
  // A layer: q and output, d x (heads head_size) each; k and v, d x (kv_heads head_size) each;
  // gate, up and down, d x ffn each.
  count.blocks = s.layers * s.hidden * (2 * s.query_width() + 2 * s.key_width() + 3 * s.ffn);
  count.norms = (2 * s.layers + 1) * s.hidden;
  return count;
}

double training_flops_per_token(const ModelShape& s, int64_t context_tokens) {
  double matrix_weights = static_cast<double>(count_parameters(s).blocks) +
                          static_cast<double>(s.vocabulary) * static_cast<double>(s.hidden);
  // Scores and weighted values are 2 products of 2 d T FLOPs forward, and twice that backward; d is
  // the width of all queries, for sharing keys among them saves no product.
  double attention = 12.0 * static_cast<double>(s.layers) * static_cast<double>(s.query_width()) *
                     static_cast<double>(context_tokens);
  return 6.0 * matrix_weights + attention;
}

double checkpoint_bytes(const ModelShape& s, bool resumable) {
  return (resumable ? 12.0 : 4.0) * static_cast<double>(count_parameters(s).total());
}

}  // namespace crosslaw::trainer
