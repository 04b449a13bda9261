#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// A Hugging Face model as a checkpoint that runs continue.
struct ImportedModel {
  ModelShape shape;                  // with the vocabulary that was asked for
  std::filesystem::path checkpoint;  // a folder like those of trained runs
  std::string key;                   // of its content, in place of a run's key
};

// Reads config.json and the safetensors of `source`, in bf16, fp16 or fp32, in one file or many,
// and publishes them as a checkpoint in `target`, or finds them there from the same files already.
// The numbers go through memory in pieces. `vocabulary` rows of the embedding (and of the head) are
// kept: fewer than the model has cut the last ones off, more are filled with the mean of all rows.
// Throws std::invalid_argument naming what cannot be used, std::runtime_error for a failed write.
ImportedModel import_model(const std::filesystem::path& source, const std::filesystem::path& target,
                           int64_t vocabulary);

}  // namespace crosslaw::trainer
