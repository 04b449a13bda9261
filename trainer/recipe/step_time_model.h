#pragma once

#include <cstdint>

#include "trainer/recipe/memory_model.h"

namespace crosslaw::trainer {

// What a GPU can do at most; sweep/presets/gpus.toml has the numbers of some.
struct GpuSpeed {
  double matrix_flops = 0;           // a second, dense bf16
  double memory_bytes_a_second = 0;  // of its own memory
  double link_bytes_a_second = 0;    // to another GPU of the node, one direction
};

// Seconds of one optimizer step of one rank, by kind. A roofline model (Williams et al. 2009) of
// this trainer's GPU path in bf16: FLOPs, bytes and launches are counted from the code, each at the
// share of the peak that such work reaches, which one H200 has told. What several GPUs exchange is
// not measured yet.
struct StepTime {
  double products_seconds = 0;          // forward and backward, head included
  double attention_seconds = 0;         // half of the square: the causal mask is used
  double activations_seconds = 0;       // norms, rotary, gated unit, loss: bound by memory
  double weight_gradients_seconds = 0;  // the products' fp32 sums, read and written
  double optimizer_seconds = 0;         // AdamW over one rank's slice, the norm of all gradients
  double communication_seconds = 0;     // what the backward pass does not hide
  double waiting_seconds = 0;  // for the host, which launches more slowly than the GPU works

  double total() const {
    return products_seconds + attention_seconds + activations_seconds + weight_gradients_seconds +
           optimizer_seconds + communication_seconds + waiting_seconds;
  }
};

// `batch_sequences`: of all ranks in one step.
StepTime step_time(const TrainingSetup& setup, int64_t batch_sequences, const GpuSpeed& gpu);

// Model FLOPs utilisation (PaLM, arXiv:2204.02311): FLOPs of training_flops_per_token() against
// what the ranks' GPUs can do in that time.
double flops_utilisation(const TrainingSetup& setup, int64_t batch_sequences, const GpuSpeed& gpu,
                         double step_seconds);

}  // namespace crosslaw::trainer
