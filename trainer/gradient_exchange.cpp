#include "trainer/gradient_exchange.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace crosslaw::trainer {
namespace {

constexpr int64_t kNormBlock = 64;  // divides what every rank owns (parameters.cpp: kAlignment)

}  // namespace

GradientExchange::GradientExchange(Parameters& parameters, Communicator& ranks, bool in_blocks)
    : parameters_(parameters),
      ranks_(ranks),
      in_blocks_(in_blocks || ranks.ranks() > 1),
      in_order_(parameters.buckets().rbegin(), parameters.buckets().rend()) {
  std::stable_sort(in_order_.begin(), in_order_.end(), [](const Bucket& a, const Bucket& b) {
    return a.final_after_layer > b.final_after_layer;
  });
}

void GradientExchange::layer_done(int64_t layer) {
  for (; sent_ < in_order_.size() && in_order_[sent_].final_after_layer >= layer; ++sent_) {
    const Bucket& b = in_order_[sent_];
    ranks_.reduce_scatter(parameters_.gradients.narrow(0, b.begin, b.count));
  }
}

at::Tensor GradientExchange::own_square_sum() const {
  at::Tensor sum = at::zeros({1}, parameters_.gradients.options().dtype(at::kDouble));
  for (const Bucket& b : parameters_.buckets()) {
    const at::Tensor blocks =
        parameters_.gradients.narrow(0, b.own_begin, b.own_count).view({-1, kNormBlock});
    sum += at::linalg_vector_norm(blocks, 2, at::IntArrayRef{1}).to(at::kDouble).square().sum();
  }
  return sum;
}

at::Tensor GradientExchange::finish(const at::Tensor& numbers) {
  layer_done(ParameterSlot::kAtTheEnd);
  ranks_.finish();
  begin();
  // Padding between the weights is zero and does not count.
  if (!in_blocks_) return at::linalg_vector_norm(parameters_.gradients);
  const at::Tensor all = at::cat({own_square_sum(), numbers});
  ranks_.all_reduce(all);
  ranks_.finish();
  numbers.copy_(all.narrow(0, 1, numbers.numel()));
  return all[0].sqrt().to(at::kFloat);
}

void GradientExchange::gather_weights() {
  if (ranks_.ranks() == 1) return;
  for (const Bucket& b : parameters_.buckets())
    ranks_.all_gather(parameters_.weights.narrow(0, b.begin, b.count));
  ranks_.finish();
}

void GradientExchange::collect(const at::Tensor& slice, const at::Tensor& whole) {
  if (ranks_.ranks() == 1) {
    whole.copy_(slice);
    return;
  }
  // Bucket by bucket, so that a GPU never holds more than one of another rank.
  for (const Bucket& b : parameters_.buckets()) {
    const at::Tensor bucket = collect(slice, b);
    if (ranks_.rank() == 0) whole.narrow(0, b.begin, b.count).copy_(bucket);
  }
}

at::Tensor GradientExchange::collect(const at::Tensor& slice, const Bucket& b) {
  const at::Tensor bucket = at::empty({b.count}, slice.options());
  owned_part(bucket, ranks_.rank(), ranks_.ranks())
      .copy_(slice.narrow(0, b.slice_begin, b.own_count));
  ranks_.all_gather(bucket);
  ranks_.finish();
  return bucket;
}

}  // namespace crosslaw::trainer
