#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "trainer/recipe/safetensors_head.h"
#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

// The shape in a config.json of Hugging Face's transformers, as versions 4 (rope_theta,
// rope_scaling) and 5 (rope_parameters) write it. Throws std::invalid_argument naming the file and
// what this program's model cannot do: another architecture, biases, scaled rotary angles, another
// activation, quantised weights, shapes that do not fit together.
ModelShape read_llama_config(const std::filesystem::path& file);

// The same the other way, for both versions. `end_token` ends and begins documents.
nlohmann::json llama_config(const ModelShape& shape, int64_t context_tokens, int32_t end_token);

// The tensors of a LLaMA under Hugging Face's names, matrices as (outputs, inputs), sorted by name.
std::vector<NamedTensor> llama_tensors(const ModelShape& shape);

}  // namespace crosslaw::trainer
