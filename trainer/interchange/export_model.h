#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/recipe/train_config.h"

namespace crosslaw::trainer {

struct ExportedModel {
  std::filesystem::path checkpoint;  // folder of a run's final weights
  ModelShape shape;
  int64_t context_tokens = 0;
  std::filesystem::path tokenizer;  // a file that lies beside the model then; empty: bytes
  std::string tokenizer_json;       // the same as a tokenizer.json; empty: none is known
  int32_t end_token = 0;            // separates documents
  std::string end_token_text;
  std::string model_card;  // Markdown
};

// Writes what transformers loads: config.json, generation_config.json, model.safetensors (fp32),
// the tokenizer, README.md. The folder appears complete or not at all; one that exists is refused.
// Throws std::invalid_argument naming the checkpoint when it is damaged or of another shape.
void export_model(const ExportedModel& model, const std::filesystem::path& folder);

}  // namespace crosslaw::trainer
