#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/model/parameters.h"

namespace crosslaw::trainer {

// A checkpoint is a folder: model.safetensors (fp32, named as Hugging Face's LLaMA),
// optimizer.safetensors (both AdamW moments; absent in a final checkpoint, from which no run
// resumes) and state.json, which holds the step, the trajectory and the hash of each file.
struct CheckpointState {
  int64_t step = 0;
  std::string key;         // run_key of the run that wrote it
  std::string trajectory;  // trajectory_key of the same; empty once its cooldown has begun
};

// Publishes `folder` complete or not at all. Throws std::runtime_error (disk full, no permission).
void publish_checkpoint(const Parameters& parameters, const ModelShape& shape,
                        const CheckpointState& state, bool with_optimizer,
                        const std::filesystem::path& folder);

// Loads into `parameters`. Throws std::runtime_error naming the folder and what is missing or
// damaged; every file is checked against its hash before the parameters are touched.
CheckpointState load_checkpoint(Parameters& parameters, const ModelShape& shape,
                                bool with_optimizer, const std::filesystem::path& folder);

}  // namespace crosslaw::trainer
