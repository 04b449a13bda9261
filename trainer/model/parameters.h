#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// Where one weight lies in the flat buffers. Matrices are (outputs, inputs).
struct ParameterSlot {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset = 0;
  double init_std =
      0;  // of the normal initialisation with std 1 / sqrt(3 fan_in); norms start at 1
  bool is_norm = false;  // no weight decay
  // The backward pass goes down through the layers; once it has done this one, the gradient is
  // final. Only at its end: kAtTheEnd.
  int64_t final_after_layer = kAtTheEnd;
  static constexpr int64_t kAtTheEnd = -1;

  int64_t count() const;
};

// Neighbouring weights whose gradients travel between ranks as one message. Each rank owns an equal
// part of it: updates these weights and keeps their master copy and moments (ZeRO-1,
// arXiv:1910.02054).
struct Bucket {
  int64_t begin = 0, count = 0;  // in the flat buffers
  int64_t final_after_layer = 0;
  int64_t own_begin = 0, own_count = 0;  // this rank's part, in the flat buffers
  int64_t slice_begin = 0;               // its place in the slice
};

// All weights of a model in flat buffers, so that clipping, AdamW and checkpoints are single
// passes. Decayed matrices come first, norm weights last.
class Parameters {
 public:
  // With bf16 weights the master copy is fp32 and separate; else it is the weights themselves.
  // Rank `rank` of `ranks` keeps the moments, and a separate master copy, of its slice alone: its
  // parts of all buckets, one behind the other.
  Parameters(const ModelShape& shape, at::ScalarType weight_type, at::Device device,
             int64_t rank = 0, int64_t ranks = 1);

  // Normal with the given std, or with each matrix's own 1 / sqrt(3 fan_in) when it is 0. The
  // numbers are drawn on the CPU, so that they depend on the seed alone.
  void initialize(uint64_t seed, double std);

  at::Tensor weight(const std::string& name) const { return view(weights, name); }
  at::Tensor gradient(const std::string& name) const { return view(gradients, name); }
  // One weight's part of a flat buffer of `count()` numbers, in its shape and without a copy.
  // Throws std::runtime_error for a name that the model does not have.
  at::Tensor view(const at::Tensor& flat, const std::string& name) const;
  const ParameterSlot& slot(const std::string& name) const;

  // Puts fp32 rows of one weight, from `first_row` on, where they belong: into master copy and
  // weights, or into one of the moments. Of a slice the part that lies in it is taken.
  void put_master(const std::string& name, int64_t first_row, const at::Tensor& rows);
  void put_moment(const at::Tensor& moment, const std::string& name, int64_t first_row,
                  const at::Tensor& rows) const;

  const std::vector<ParameterSlot>& slots() const { return slots_; }
  int64_t decayed_count() const { return decayed_count_; }
  int64_t count() const { return weights.numel(); }
  const std::vector<Bucket>& buckets() const {
    return buckets_;
  }  // cover the flat buffers in order
  int64_t slice_count() const { return moment1.numel(); }
  // The master copy of what this rank owns of a bucket.
  at::Tensor own_master(const Bucket& bucket) const;

  at::Tensor weights;    // (count) weight_type
  at::Tensor gradients;  // (count) fp32
  at::Tensor master;     // (slice_count) fp32; or the weights
  at::Tensor moment1;    // (slice_count) fp32
  at::Tensor moment2;    // (slice_count) fp32

 private:
  std::vector<ParameterSlot> slots_;
  std::vector<Bucket> buckets_;
  int64_t decayed_count_ = 0;
};

}  // namespace crosslaw::trainer
