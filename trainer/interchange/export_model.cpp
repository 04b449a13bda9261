#include "trainer/interchange/export_model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "db/files/atomic_file.h"
#include "trainer/interchange/llama_config.h"
#include "trainer/interchange/tensor_file.h"
#include "trainer/recipe/checkpoint_state.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

std::string utf8_of(uint32_t code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
}

// The printable stand-in of a byte in byte-level tokenizers (GPT-2): itself where it is a printable
// Latin-1 character, else the next free code point from 256 on.
std::vector<std::string> byte_names() {
  std::vector<std::string> names;
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    names.push_back(utf8_of(printable ? byte : next++));
  }
  return names;
}

// Token = byte, as a tokenizer.json of Hugging Face's tokenizers: BPE without a merge.
json byte_tokenizer() {
  json vocabulary;
  const std::vector<std::string> names = byte_names();
  for (size_t byte = 0; byte < names.size(); ++byte) vocabulary[names[byte]] = byte;
  json byte_level = {{"type", "ByteLevel"},
                     {"add_prefix_space", false},
                     {"trim_offsets", true},
                     {"use_regex", false}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens",
           {{{"id", 0},
             {"content", names[0]},
             {"single_word", false},
             {"lstrip", false},
             {"rstrip", false},
             {"normalized", false},
             {"special", true}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", vocabulary},
            {"merges", json::array()}}}};
}

void write_json(const fs::path& file, const json& content) {
  db::publish_file(file, content.dump(2) + "\n");
}

// Fast tokenizers are all in their tokenizer.json; transformers has to know its end token besides.
json fast_config(const ExportedModel& model, const std::string& end) {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"clean_up_tokenization_spaces", false},
          {"model_max_length", model.context_tokens},
          {"bos_token", end},
          {"eos_token", end}};
}

void write_tokenizer(const ExportedModel& model, const fs::path& folder) {
  const fs::path config = folder / "tokenizer_config.json";
  if (model.tokenizer.empty()) {
    write_json(folder / "tokenizer.json", byte_tokenizer());
    return write_json(config, fast_config(model, byte_names()[0]));
  }
  if (model.tokenizer.extension() == ".json") {
    fs::copy_file(model.tokenizer, folder / "tokenizer.json");
    return write_json(config, fast_config(model, model.end_token_text));
  }
  fs::copy_file(model.tokenizer, folder / "tokenizer.model");
  if (!model.tokenizer_json.empty()) {
    db::publish_file(folder / "tokenizer.json", model.tokenizer_json);
    return write_json(config, fast_config(model, model.end_token_text));
  }
  // Documents were encoded without marks around them.
  write_json(config, {{"tokenizer_class", "LlamaTokenizer"},
                      {"clean_up_tokenization_spaces", false},
                      {"model_max_length", model.context_tokens},
                      {"legacy", false},
                      {"add_bos_token", false},
                      {"add_eos_token", false}});
}

}  // namespace

void export_model(const ExportedModel& model, const fs::path& folder) {
  if (fs::exists(folder))
    throw std::invalid_argument(fmt::format(
        "{}: exists; name a folder that does not, for nothing is overwritten", folder.string()));
  if (std::string damage = checkpoint_damage(model.checkpoint, true); !damage.empty())
    throw std::invalid_argument(damage);
  const auto stored = tensors_in_file(model.checkpoint / "model.safetensors");
  for (const NamedTensor& tensor : llama_tensors(model.shape)) {
    auto found = stored.find(tensor.name);
    if (found == stored.end() || found->second.shape != tensor.shape)
      throw std::invalid_argument(fmt::format("{}: {} is missing or has another shape",
                                              model.checkpoint.string(), tensor.name));
  }
  const fs::path staged = db::staging_path(folder);
  fs::remove_all(staged);
  fs::create_directories(staged);
  try {
    // Our checkpoints name their tensors as Hugging Face does.
    fs::copy_file(model.checkpoint / "model.safetensors", staged / "model.safetensors");
    write_json(staged / "config.json",
               llama_config(model.shape, model.context_tokens, model.end_token));
    write_json(staged / "generation_config.json",
               {{"bos_token_id", model.end_token}, {"eos_token_id", model.end_token}});
    write_tokenizer(model, staged);
    db::publish_file(staged / "README.md", model.model_card);
    db::publish_folder(staged, folder);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
    throw;
  }
}

}  // namespace crosslaw::trainer
