#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "trainer/model/parameters.h"
#include "trainer/ranks/communicator.h"

namespace crosslaw::trainer {

// What the ranks of a run do together in one optimizer step: gradients are summed bucket by bucket,
// each rank receiving what it owns, and the weights that it then updates go back to all.
class GradientExchange {
 public:
  // `in_blocks`: the norm is added up in double from norms of short blocks, so that it does not
  // depend on how the ranks cut the gradient; needed for more than one of them.
  GradientExchange(Parameters& parameters, Communicator& ranks, bool in_blocks);

  // A step begins: nothing has been sent.
  void begin() { sent_ = 0; }
  // The gradients of `layer` and of all above it are final (Llama::accumulate_gradients).
  void layer_done(int64_t layer);
  // Whether the gradients of this step can be made anew no more.
  bool under_way() const { return ranks_.ranks() > 1 && sent_ > 0; }
  // Sends what has not been sent. `numbers` (k) fp64 become their sums over the ranks. Returns the
  // L2 norm of the whole gradient, an fp32 scalar.
  at::Tensor finish(const at::Tensor& numbers);
  // After the update of what this rank owns.
  void gather_weights();

  // What the ranks own of a flat buffer, into `whole` on rank 0's CPU, laid out as the flat
  // buffers; the others' may be undefined. `slice` as Parameters' moments.
  void collect(const at::Tensor& slice, const at::Tensor& whole);
  // The same of one bucket, where the slices lie, to every rank: (bucket.count).
  at::Tensor collect(const at::Tensor& slice, const Bucket& bucket);

 private:
  at::Tensor own_square_sum() const;

  Parameters& parameters_;
  Communicator& ranks_;
  bool in_blocks_;
  // In the order in which they become final. It is the same on every rank, whichever sends while
  // its backward pass runs and whichever afterwards.
  std::vector<Bucket> in_order_;
  size_t sent_ = 0;  // so many of them
};

}  // namespace crosslaw::trainer
