#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>

#include "trainer/model/parameters.h"
#include "trainer/recipe/checkpoint_state.h"

namespace crosslaw::trainer {

// A checkpoint is a folder: model.safetensors (fp32, named as Hugging Face's LLaMA),
// moment1.safetensors and moment2.safetensors (AdamW's; absent in a final checkpoint, from which no
// run resumes) and state.json. Older ones hold both moments in one optimizer.safetensors.

// The numbers of a checkpoint, laid out as Parameters' flat buffers, on whatever device.
struct TrainedNumbers {
  at::Tensor master;            // (count) fp32
  at::Tensor moment1, moment2;  // (count) fp32; undefined in a final checkpoint
};

// Publishes `folder` complete or not at all; the hashes of `state` are filled in here. Files are
// written side by side and hashed on the way. Of `layout` only the slots are read. Throws
// std::runtime_error (disk full, no permission).
void publish_checkpoint(const Parameters& layout, const TrainedNumbers& numbers,
                        const ModelShape& shape, const CheckpointState& state,
                        const std::filesystem::path& folder);

// The numbers [begin, begin + count) of a flat buffer, fp32 on whatever device; they are asked for
// in ascending order, within one weight at a time.
using NumbersOf = std::function<at::Tensor(int64_t begin, int64_t count)>;
struct NumberStreams {
  NumbersOf master, moment1, moment2;  // one after the other; moments empty in a final checkpoint
};
// The same, bit by bit, of numbers that are nowhere whole: one file after the other, and never more
// than one answer is held.
void publish_checkpoint(const Parameters& layout, const NumberStreams& numbers,
                        const ModelShape& shape, const CheckpointState& state,
                        const std::filesystem::path& folder);

// The same from parameters that are whole (one rank).
void publish_checkpoint(const Parameters& parameters, const ModelShape& shape,
                        const CheckpointState& state, bool with_optimizer,
                        const std::filesystem::path& folder);

// Loads into `parameters`, tensor by tensor. Throws std::runtime_error naming the folder and what
// is missing or damaged; every file is checked against its hash, and every shape against the
// model's, before the parameters are touched.
CheckpointState load_checkpoint(Parameters& parameters, const ModelShape& shape,
                                bool with_optimizer, const std::filesystem::path& folder);

}  // namespace crosslaw::trainer
